//! Watching for attempts to leave the lab, for as long as a service runs.

use std::sync::Arc;
use std::time::Duration;

use isolation::Tier;
use model::Seen;
use process::{Process, sockets, tree};
use tokio::task::JoinHandle;

use crate::lab::Lab;
use crate::place::Place;
use crate::recorder::TrialLog;

/// How often attempts that the network refused are collected.
const EVERY: Duration = Duration::from_millis(150);

/// How often the connections of a service that nothing holds back are looked at, in the end: a
/// connection that is gone again at the next look is not seen.
const CLOSELY: Duration = Duration::from_millis(40);

/// Who watches one life of a service.
#[derive(Debug)]
pub(crate) struct Watch {
    task: JoinHandle<()>,
    lab: Arc<Lab>,
    place: Place,
    trial: TrialLog,
}

impl Watch {
    /// `leased` are the ports of the lab that the service may connect to.
    pub(crate) fn start(
        lab: &Arc<Lab>,
        place: &Place,
        process: &Process,
        trial: &TrialLog,
        leased: Vec<u16>,
    ) -> Self {
        let (lab, place, trial) = (Arc::clone(lab), place.clone(), trial.clone());
        let task = if lab.ground.confinement.tier == Tier::Namespaces {
            let (lab, place, trial) = (Arc::clone(&lab), place.clone(), trial.clone());
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(EVERY).await;
                    stopped(&lab, &place, &trial);
                }
            })
        } else {
            let (family, trial) = (process.family().clone(), trial.clone());
            tokio::spawn(async move { left(&family, &trial, &leased).await })
        };
        Self { task, lab, place, trial }
    }

    /// Ends it, with a last look.
    pub(crate) fn finish(&self) {
        self.task.abort();
        stopped(&self.lab, &self.place, &self.trial);
    }
}

/// Records what was stopped on its way out.
fn stopped(lab: &Lab, place: &Place, trial: &TrialLog) {
    for attempt in lab.new_attempts(place) {
        let (target, process) = (attempt.target, attempt.process);
        trial.saw(Seen::EgressRefused { target, process });
    }
}

/// Without a network of its own, a connection that leaves the lab can only be seen after it was
/// made: it ends this life of the service, and nothing can be concluded from it.
async fn left(family: &tree::Family, trial: &TrialLog, leased: &[u16]) {
    let mut pause = Duration::from_millis(10);
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(CLOSELY);
        let members = || family.members().iter().map(|member| member.pid).collect();
        let Some((pid, remote)) = sockets::outside(members, leased).into_iter().next() else {
            continue;
        };
        let process = tree::find(pid).map_or_else(|| pid.to_string(), |entry| entry.name);
        trial.saw(Seen::LeftTheLab { address: remote.to_string(), process });
        family.kill();
        return;
    }
}
