//! One set of dependencies that starts any number of instances, one after the other or beside each
//! other, and outlives each of them: shared limits, two migration runners, a restart on the same
//! data, blue and green.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use settings::{DependencyKind, upstreams::UpstreamKind};

use crate::capacity::Priority;
use crate::dependency::{Postgres, Provisioned};
use crate::error::LabError;
use crate::instance::Instance;
use crate::lab::Lab;
use crate::stand_in::StandIn;

/// Dependencies with the data that the set-up made, shared by the instances that are started here.
#[derive(Debug)]
pub struct World {
    lab: Arc<Lab>,
    pub(crate) priority: Priority,
    pub(crate) dependencies: Vec<Provisioned>,
    /// In the place of the third parties of `[upstreams]`.
    stand_ins: Vec<StandIn>,
    /// The set-up has been repeated for dependencies that cannot be cloned.
    filled: AtomicBool,
}

impl World {
    /// Provides every dependency anew.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub(crate) async fn open(lab: &Arc<Lab>, priority: Priority) -> Result<Arc<Self>, LabError> {
        let place = lab.ground.place.next();
        let mut dependencies = Vec::new();
        for (name, server) in &lab.servers {
            dependencies.push(server.fresh(name, &place).await?);
        }
        let mut stand_ins = Vec::new();
        let upstreams = lab.manifest.upstreams.iter();
        for (name, _) in upstreams.filter(|(_, upstream)| upstream.kind == UpstreamKind::Http) {
            let started = StandIn::start(name, place.port()?).await;
            stand_ins.push(started.map_err(|error| LabError::Dependency {
                what: format!("the stand-in for {name}"),
                why: error.to_string(),
            })?);
        }
        let (lab, filled) = (Arc::clone(lab), AtomicBool::new(false));
        Ok(Arc::new(Self { lab, priority, dependencies, stand_ins, filled }))
    }

    /// An instance with a workspace, ports and proxies of its own, on the data of this world.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub async fn instance(self: &Arc<Self>) -> Result<Instance, LabError> {
        self.lab.instance_in(Arc::clone(self)).await
    }

    /// The stand-in for a third party, by its name in `[upstreams]`.
    pub fn stand_in(&self, name: &str) -> Option<&StandIn> {
        self.stand_ins.iter().find(|one| one.name == name)
    }

    /// The addresses of the stand-ins, by the variables that hold them.
    pub(crate) fn stand_in_addresses(&self) -> BTreeMap<String, String> {
        let address = |one: &StandIn| {
            let upstream = self.lab.manifest.upstreams.get(&one.name)?;
            Some((upstream.variable.clone(), one.url()))
        };
        self.stand_ins.iter().filter_map(address).collect()
    }

    /// A second, empty server of the same version and settings as the one behind a dependency, such
    /// as a restore needs: roles and extensions of the first are not there. `None` where the
    /// dependency is no PostgreSQL of the lab's.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn second_server(&self, dependency: &str) -> Result<Option<Postgres>, LabError> {
        match self.lab.manifest.dependencies.get(dependency) {
            Some(declared)
                if declared.kind == DependencyKind::Postgres && declared.url.is_none() =>
            {
                Postgres::start(&self.lab.ground.place, declared).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A session of the lab's own in a database of this world, past every proxy. `None` where the
    /// dependency is no database of the lab's.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn session(
        &self,
        dependency: &str,
    ) -> Result<Option<tokio_postgres::Client>, LabError> {
        match self.dependencies.iter().find(|one| one.name == dependency) {
            Some(found) => found.session().await,
            None => Ok(None),
        }
    }

    /// Whether nobody has filled what the set-up fills by itself, once.
    pub(crate) fn is_to_be_filled(&self) -> bool {
        self.lab.repeats_setup() && !self.filled.swap(true, Ordering::SeqCst)
    }

    /// Gives everything back, when this was the last to hold it.
    pub async fn end(self: Arc<Self>) {
        let Some(world) = Arc::into_inner(self) else { return };
        for dependency in world.dependencies {
            dependency.end().await;
        }
    }
}
