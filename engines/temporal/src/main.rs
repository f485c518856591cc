//! The program `lockstep-temporal`: the command line with a connection to Temporal (`--engine
//! temporal://…`), and the workers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use lockstep_base::diagnostic::codes;
use lockstep_cli::files::CallerEnvironment;
use lockstep_runtime::clock::SystemClock;
use lockstep_runtime::driver::Platform;
use lockstep_runtime::guardian::{self, Guardian};
use lockstep_runtime::http::SystemHttp;
use lockstep_runtime::process::SystemSpawner;
use lockstep_temporal::address::EngineAddress;
use lockstep_temporal::client;
use lockstep_temporal::follow::TemporalConnector;
use lockstep_temporal::lease::ServerLink;
use lockstep_temporal::steps::{Steps, StepsOptions};
use lockstep_temporal::worker::{WorkerDuties, work};

/// How many commands a worker carries out at once, unless it is said.
const DEFAULT_MAX_COMMANDS: usize = 32;

/// Carry out the commands of runs on a Temporal server.
#[derive(Debug, Parser)]
#[command(name = "lockstep worker", max_term_width = 100)]
struct WorkerArguments {
    /// The server and the namespace: `temporal://HOST:PORT/NAMESPACE`; LOCKSTEP_ENGINE says the
    /// same.
    #[arg(long, value_name = "URL", env = "LOCKSTEP_ENGINE")]
    engine: String,

    /// Carry out the commands of this pool: of infrastructures with `pool = "NAME"`. It may be
    /// given several times.
    #[arg(long, value_name = "NAME")]
    pool: Vec<String>,

    /// Drive runs: decide what follows from what has happened. With neither this nor --pool the
    /// worker drives runs, and carries out what belongs to no pool.
    #[arg(long)]
    runs: bool,

    /// How many commands of a pool are carried out at once.
    #[arg(long, value_name = "COUNT", default_value_t = DEFAULT_MAX_COMMANDS)]
    max: usize,

    /// Serve metrics for Prometheus at this address, such as 127.0.0.1:9464.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,

    /// The folder with the files that runs need, a checkout as whoever begins them has; without it
    /// the folders are those of whoever begins a run.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,

    /// Where the output of commands is kept, for those who follow runs: a folder that they can
    /// read, or s3://BUCKET/PREFIX; LOCKSTEP_LOGS says the same.
    #[arg(long, value_name = "PLACE", env = "LOCKSTEP_LOGS")]
    logs: Option<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|word| word == "worker") {
        let words = arguments.into_iter().enumerate();
        let words = words.filter(|(at, _)| *at != 1).map(|(_, word)| word);
        return worker(WorkerArguments::parse_from(words));
    }
    lockstep_cli::main_with(&TemporalConnector)
}

#[expect(clippy::print_stderr, reason = "it is a program")]
fn worker(arguments: WorkerArguments) -> ExitCode {
    match run_worker(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err((message, help)) => {
            eprintln!("error[{}]: {message}", codes::ENGINE);
            if !help.is_empty() {
                eprintln!("  help: {help}");
            }
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stderr, reason = "it is a program")]
fn run_worker(arguments: WorkerArguments) -> Result<(), (String, String)> {
    let plain = |error: std::io::Error| (error.to_string(), String::new());
    let logs = arguments.logs.clone();
    let variable = |name: &str| match name {
        "LOCKSTEP_LOGS" => logs.clone(),
        name => std::env::var(name).ok(),
    };
    let address = EngineAddress::read(&arguments.engine, &variable);
    let address = address.map_err(|refusal| (refusal.message, refusal.help))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(plain)?;
    guardian::remove_left_folders(&std::env::temp_dir());
    let spawner = SystemSpawner::new(&std::env::temp_dir()).map_err(plain)?;
    let guardian = Guardian::of_this_program().removing(spawner.scratch());
    let scratch = spawner.scratch().to_path_buf();
    let spawner = spawner.watched_by(Arc::new(guardian));
    let is_all = arguments.pool.is_empty() && !arguments.runs;
    let mut pools: Vec<Option<String>> = arguments.pool.iter().cloned().map(Some).collect();
    if is_all {
        pools.push(None);
    }
    let duties = WorkerDuties {
        pools,
        runs: arguments.runs || is_all,
        max: arguments.max,
        metrics: arguments.metrics,
    };
    let name = name();
    let link = Arc::new(ServerLink::default());
    let steps = Steps::new(StepsOptions {
        platform: Platform {
            clock: Arc::new(SystemClock::new()),
            spawner: Arc::new(spawner),
            http: Arc::new(SystemHttp),
        },
        environment: Arc::new(CallerEnvironment),
        logs: address.logs.clone(),
        name: name.clone(),
        link: link.clone(),
        folder: arguments.folder,
        scratch,
    });
    runtime.block_on(async {
        let client = client::connect(&address, &name).await;
        let client = client.map_err(|refusal| (refusal.message, refusal.help))?;
        eprintln!(
            "worker {name} works for {}/{}",
            address.server, address.namespace
        );
        let stop = async {
            let _ = stop_signal().await;
        };
        let worked = work(client, &duties, &steps, &link, stop).await;
        worked.map_err(|why| (why, String::new()))
    })
}

/// Waits for SIGTERM or SIGINT.
async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    Ok(())
}

/// What this worker is called: its process and machine.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}@{}", std::process::id(), host.trim())
}
