//! One set of dependencies that starts any number of instances, one after the other or beside each
//! other, and outlives each of them: shared limits, two migration runners, a restart on the same
//! data, blue and green.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::database::Provisioned;
use crate::error::LabError;
use crate::instance::Instance;
use crate::lab::Lab;

/// Dependencies with the data that the set-up made, shared by the instances that are started here.
#[derive(Debug)]
pub struct World {
    lab: Arc<Lab>,
    pub(crate) dependencies: Vec<Provisioned>,
    /// The set-up has been repeated for dependencies that cannot be cloned.
    filled: AtomicBool,
}

impl World {
    /// Provides every dependency anew.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub(crate) async fn open(lab: &Arc<Lab>) -> Result<Arc<Self>, LabError> {
        let place = lab.ground.place.next();
        let mut dependencies = Vec::new();
        for (name, server) in &lab.servers {
            dependencies.push(server.fresh(name, &place).await?);
        }
        let (lab, filled) = (Arc::clone(lab), AtomicBool::new(false));
        Ok(Arc::new(Self { lab, dependencies, filled }))
    }

    /// An instance with a workspace, ports and proxies of its own, on the data of this world.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub async fn instance(self: &Arc<Self>) -> Result<Instance, LabError> {
        self.lab.instance_in(Arc::clone(self)).await
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
