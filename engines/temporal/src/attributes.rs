//! What runs can be searched for on a server: search attributes of their workflows. A namespace
//! that does not have them is worked with all the same.

use std::collections::HashMap;

use lockstep_api::state::inputs;
use lockstep_base::value::Value;
use lockstep_plan::{Locals, Plan, body};
use temporalio_client::Client;
use temporalio_common::protos::temporal::api::enums::v1::IndexedValueType;
use temporalio_common::protos::temporal::api::operatorservice::v1::AddSearchAttributesRequest;
use temporalio_common::search_attributes::{SearchAttributeKey, SearchAttributes};

/// The pipeline.
pub const PIPELINE: SearchAttributeKey<String> = SearchAttributeKey::keyword("LockstepPipeline");
/// How the run goes: `running`, and how it has ended.
pub const STATUS: SearchAttributeKey<String> = SearchAttributeKey::keyword("LockstepStatus");
/// The environments that it deploys to.
pub const ENVIRONMENTS: SearchAttributeKey<Vec<String>> =
    SearchAttributeKey::keyword_list("LockstepEnvironments");
/// The infrastructures that it deploys to.
pub const INFRASTRUCTURES: SearchAttributeKey<Vec<String>> =
    SearchAttributeKey::keyword_list("LockstepInfrastructures");
/// Its inputs, each as `NAME=VALUE`: `version=v7`.
pub const INPUTS: SearchAttributeKey<Vec<String>> =
    SearchAttributeKey::keyword_list("LockstepInputs");

/// A list has no more elements: a server limits the size of each.
const MAX_LISTED: usize = 20;

/// An element is not longer, in bytes.
const MAX_ELEMENT_BYTES: usize = 80;

/// What a run is searched for by, when it begins.
pub fn of(plan: &Plan) -> SearchAttributes {
    let walk = plan.walk();
    let root = body(plan.tree.get(plan.tree.root()));
    let places = walk.summary(root, &Locals::default()).map(|sum| sum.places);
    let mut infrastructures: Vec<String> = (places.into_iter().flatten())
        .map(|(_, target)| walk.display(&Value::Infrastructure(target)))
        .collect();
    infrastructures.sort_unstable();
    infrastructures.dedup();
    let mut environments: Vec<String> = (infrastructures.iter())
        .filter_map(|name| Some(name.split_once('.')?.0.to_owned()))
        .collect();
    environments.dedup();
    let given = inputs(plan);
    let given = given.as_object().into_iter().flatten();
    let given = given.map(|(name, value)| match value {
        serde_json::Value::String(text) => format!("{name}={text}"),
        value => format!("{name}={value}"),
    });
    SearchAttributes::new([
        PIPELINE.value_set(plan.bound.pipeline().name.to_string()),
        STATUS.value_set(String::from("running")),
        ENVIRONMENTS.value_set(bounded(environments.into_iter())),
        INFRASTRUCTURES.value_set(bounded(infrastructures.into_iter())),
        INPUTS.value_set(bounded(given)),
    ])
}

fn bounded(all: impl Iterator<Item = String>) -> Vec<String> {
    let short = all.filter(|it| it.len() <= MAX_ELEMENT_BYTES);
    short.take(MAX_LISTED).collect()
}

/// Makes the attributes known to a namespace, where that is allowed.
///
/// # Errors
///
/// Why it is not possible.
pub async fn register(client: &Client) -> Result<(), String> {
    let keyword = IndexedValueType::Keyword as i32;
    let list = IndexedValueType::KeywordList as i32;
    let names = [
        (PIPELINE.name(), keyword),
        (STATUS.name(), keyword),
        (ENVIRONMENTS.name(), list),
        (INFRASTRUCTURES.name(), list),
        (INPUTS.name(), list),
    ];
    let names = names.map(|(name, kind)| (name.to_owned(), kind));
    let request = AddSearchAttributesRequest {
        search_attributes: HashMap::from(names),
        namespace: client.options().namespace.clone(),
    };
    let mut operator = client.connection().operator_service();
    let added = operator
        .add_search_attributes(tonic::Request::new(request))
        .await;
    match added {
        Ok(_) => Ok(()),
        Err(status) if status.code() == tonic::Code::AlreadyExists => Ok(()),
        Err(status) => Err(status.message().to_owned()),
    }
}
