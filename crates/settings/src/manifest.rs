//! The whole manifest.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::authentication::Authentication;
use crate::controls::Controls;
use crate::data::Data;
use crate::dependency::Dependency;
use crate::environment::Variable;
use crate::exceptions::Waiver;
use crate::gates::Gate;
use crate::identities::Identity;
use crate::journey::Journey;
use crate::limits::Limits;
use crate::release::Release;
use crate::service::Service;
use crate::supply::Supply;
use crate::surface::{Serves, Surface};
use crate::upstreams::Upstream;

/// What a service promises, declared once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// How the service is built, started and found ready.
    pub service: Service,
    /// Every variable that the service reads, by its name.
    #[serde(default)]
    pub environment: BTreeMap<String, Variable>,
    /// What the service depends on, by a name of your choice.
    #[serde(default)]
    pub dependencies: BTreeMap<String, Dependency>,
    /// User paths, by a name of your choice.
    #[serde(default)]
    pub journeys: BTreeMap<String, Journey>,
    /// How a caller proves who it is.
    #[serde(default)]
    pub authentication: Option<Authentication>,
    /// Parts of the service with expectations of their own, for example an API and its pages.
    #[serde(default)]
    pub surfaces: BTreeMap<String, Surface>,
    /// What a limiter's refusal looks like, and how to raise limits during a load.
    #[serde(default)]
    pub limits: Option<Limits>,
    /// Who uses the service, by a name of your choice.
    #[serde(default)]
    pub identities: BTreeMap<String, Identity>,
    /// Third parties that the service calls, by a name of your choice.
    #[serde(default)]
    pub upstreams: BTreeMap<String, Upstream>,
    /// How the data is migrated, backed up and restored.
    #[serde(default)]
    pub data: Option<Data>,
    /// What a release is made of.
    #[serde(default)]
    pub release: Option<Release>,
    /// The settings of each control.
    #[serde(default)]
    pub controls: Controls,
    /// What the edge supplies.
    #[serde(default)]
    pub supply: Supply,
    /// Controls that do not apply, each with the reason.
    #[serde(default, rename = "not-applicable")]
    pub not_applicable: BTreeMap<String, String>,
    /// What must hold before a release may go to an environment, by its name.
    #[serde(default)]
    pub gates: BTreeMap<String, Gate>,
    /// Known failures that are accepted for a while, by the control's id.
    #[serde(default)]
    pub waivers: BTreeMap<String, Waiver>,
}

impl Manifest {
    /// How the answers of this service are told apart.
    pub fn classes(&self) -> model::Classes {
        let mut classes = model::Classes::default();
        if let Some(limits) = &self.limits {
            if !limits.refused.is_empty() {
                classes.limited.clone_from(&limits.refused);
            }
            classes.limited_text.clone_from(&limits.refused_text);
        }
        if let Some(authentication) = &self.authentication {
            if !authentication.refused.is_empty() {
                classes.unauthenticated.clone_from(&authentication.refused);
            }
            classes.unauthenticated_text.clone_from(&authentication.refused_text);
        }
        classes.surfaces = self.surfaces.values().map(Surface::class).collect();
        classes
    }

    /// The surface that a path belongs to.
    pub fn surface_of(&self, path: &str) -> Option<&Surface> {
        let matching = self.surfaces.values().filter(|surface| path.starts_with(&surface.prefix));
        matching.max_by_key(|surface| surface.prefix.len())
    }

    /// What a path serves: what its surface says, an API where none does.
    pub fn serves(&self, path: &str) -> Serves {
        self.surface_of(path).map_or(Serves::Api, |surface| surface.serves)
    }
}
