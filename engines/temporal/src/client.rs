//! The connection to a server.

use std::time::Duration;

use lockstep_cli::EngineRefusal;
use temporalio_client::{Client, ClientOptions, Connection, ConnectionOptions};
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeNamespaceRequest, GetSystemInfoRequest,
};
use url::Url;

use crate::address::EngineAddress;

/// A server that does not answer in this time is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to a server, under this name.
///
/// # Errors
///
/// If the server does not answer, or refuses.
pub async fn connect(address: &EngineAddress, identity: &str) -> Result<Client, EngineRefusal> {
    let refused = |why: String| EngineRefusal {
        message: format!(
            "the Temporal server at `{}` cannot be used: {why}",
            address.server
        ),
        help: String::from(
            "see whether it runs there, and with TLS or a key (`TEMPORAL_TLS`, \
             `TEMPORAL_API_KEY`)",
        ),
    };
    let scheme = match address.tls {
        Some(_) => "https",
        None => "http",
    };
    let url = format!("{scheme}://{}", address.server);
    let url: Url = url
        .parse()
        .map_err(|_| refused("its address is malformed".into()))?;
    let options = ConnectionOptions::new(url)
        .identity(identity)
        .connect_timeout(CONNECT_TIMEOUT)
        .maybe_tls_options(address.tls.clone())
        .maybe_api_key(address.api_key.clone())
        .client_name("lockstep-temporal")
        .build();
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, Connection::connect(options));
    let connection = match connecting.await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return Err(refused(plain(&error))),
        Err(_) => return Err(refused("it does not answer".into())),
    };
    let options = ClientOptions::new(address.namespace.clone()).build();
    let client = Client::new(connection, options).map_err(|error| refused(error.to_string()))?;
    match has_namespace(&client, &address.namespace).await {
        true => Ok(client),
        false => Err(EngineRefusal {
            message: format!(
                "the Temporal server at `{}` has no namespace `{}`",
                address.server, address.namespace
            ),
            help: format!(
                "`temporal operator namespace create -n {}` makes it",
                address.namespace
            ),
        }),
    }
}

/// Whether there is a namespace, as far as the server says so: who may not ask may still use it.
async fn has_namespace(client: &Client, namespace: &str) -> bool {
    let request = tonic::Request::new(DescribeNamespaceRequest {
        namespace: namespace.to_owned(),
        ..Default::default()
    });
    let mut service = client.connection().workflow_service();
    let described = tokio::time::timeout(CONNECT_TIMEOUT, service.describe_namespace(request));
    !matches!(described.await, Ok(Err(status)) if status.code() == tonic::Code::NotFound)
}

/// The innermost reason of an error, which says what has happened.
fn plain(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// Whether the server answers.
pub async fn ping(client: &Client) -> bool {
    let request = tonic::Request::new(GetSystemInfoRequest {});
    let mut service = client.connection().workflow_service();
    service.get_system_info(request).await.is_ok()
}
