//! A world outlives its instances: several on the same data, each behind a proxy of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use isolation::{Confinement, Request, Tier};
use lab::fault::{Fault, Kind};
use lab::place::Place;
use lab::workspace::Source;
use lab::{
    Bench, Ground, Instance, Lab, Mutation, Options, Readiness, Recorder, Running, TrialLog,
};
use redact::Redactor;

const MANIFEST: &str = r#"
[service]
name = "odd"
start = "python3 odd.py good {port}"
ready = "/ready"
[environment.DATABASE_URL]
value = "{database.url}"
[environment.FIRST]
value = "one"
[environment.SECOND]
value = "two"
[environment.STRIPE_API_BASE]
value = "https://api.stripe.com"
[upstreams.stripe]
variable = "STRIPE_API_BASE"
[dependencies.database]
kind = "postgres"
locale = "C"
encoding = "SQL_ASCII"
durable = true
"#;

async fn bench(folder: &tempfile::TempDir, run: &str) -> Bench {
    std::fs::write(folder.path().join("odd.py"), include_str!("odd.py")).expect("written");
    let record = Arc::new(process::Record::begin(run).expect("it can be made"));
    let base = process::records::base().expect("it is there");
    let root = folder.path().canonicalize().expect("it is there");
    let request = Request {
        tier: Tier::Copies,
        run: record.folder(),
        base: &base,
        repository: &root,
        built: None,
        out: &root,
        allowed: &[],
    };
    let confinement = Arc::new(Confinement::enter(&request, None).expect("nothing is entered"));
    let ground = Ground {
        confinement,
        source: Source { service: "".into(), built: None },
        place: Place::first(Arc::clone(&record), run),
        program: env!("CARGO_BIN_EXE_seaworthy").into(),
    };
    let manifest = settings::parse(MANIFEST).expect("it is good").manifest;
    let options = Options { jobs: 2, seed: 1, root, ..Options::default() };
    let redactor = Redactor::default();
    let lab = Lab::open(manifest, ground, options, redactor.clone(), |_| {}).await;
    let recorder = Recorder::new(Instant::now(), redactor, None);
    Bench::new(
        Arc::new(lab.expect("PostgreSQL is installed")),
        recorder,
        lab::Priority::Foreground,
        |_| {},
    )
}

async fn start(instance: &mut Instance, trial: &TrialLog, mutations: &[Mutation]) -> Running {
    let started = instance.start_with(trial, mutations).await.expect("the lab works");
    let mut running = started.expect("it can be executed");
    let readiness = running.wait_ready(Duration::from_secs(20)).await;
    assert!(matches!(readiness, Readiness::Ready { .. }), "{readiness:?}");
    running
}

/// How many rows the service of an instance would find, through its own proxy.
async fn rows(instance: &Instance) -> Result<i64, tokio_postgres::Error> {
    let url = instance.values()["DATABASE_URL"].clone();
    let connecting = tokio_postgres::connect(&url, tokio_postgres::NoTls);
    let (client, connection) = connecting.await?;
    tokio::spawn(connection);
    Ok(client.query_one("SELECT count(*) FROM orders", &[]).await?.get(0))
}

async fn version_of(session: &tokio_postgres::Client) -> String {
    session.query_one("SHOW server_version", &[]).await.expect("it answers").get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_of_a_world_share_its_data_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = format!("world-{}", std::process::id());
    let bench = bench(&folder, &run).await;
    let trial = bench.trial("world");
    let world = bench.world().await.expect("it can be provided");
    let session = world.session("database").await.expect("it answers").expect("it is a database");
    session
        .batch_execute("CREATE TABLE orders (id int); INSERT INTO orders VALUES (1), (2)")
        .await
        .expect("it is made");
    session.batch_execute("GRANT ALL ON orders TO PUBLIC").await.expect("it is granted");
    let setting = |name: &str| format!("SHOW {name}");
    for (name, expected) in [("fsync", "on"), ("server_encoding", "SQL_ASCII"), ("lc_collate", "C")]
    {
        let row = session.query_one(&setting(name), &[]).await.expect("it answers");
        assert_eq!(row.get::<_, String>(0), expected, "{name}");
    }

    let stand_in = world.stand_in("stripe").expect("it is declared").url();
    let second = world.second_server("database").await.expect("it starts").expect("it is one");
    let other = second.session("postgres").await.expect("it answers");
    let tables = other.query("SELECT 1 FROM pg_tables WHERE tablename = 'orders'", &[]).await;
    assert!(tables.expect("it answers").is_empty(), "the second server shares nothing");
    assert_eq!(version_of(&other).await, version_of(&session).await);
    drop((other, second));

    let mut blue = world.instance().await.expect("it can be had");
    let mut green = world.instance().await.expect("it can be had");
    let mutations = [
        Mutation { variable: "FIRST".into(), value: None },
        Mutation { variable: "SECOND".into(), value: Some("zwei".into()) },
    ];
    let one = start(&mut blue, &trial, &mutations).await;
    let other = start(&mut green, &trial, &[]).await;
    let given =
        |running: &Running, name: &str| process::tree::variable(running.process().pid(), name);
    assert_eq!((given(&one, "FIRST"), given(&one, "SECOND")), (None, Some("zwei".into())));
    assert_eq!(given(&other, "FIRST"), Some("one".into()));
    assert_eq!(given(&other, "STRIPE_API_BASE"), Some(stand_in));
    assert_ne!(blue.address(), green.address());

    assert_eq!(rows(&blue).await.expect("it answers"), 2);
    blue.fault(&trial, "database", Fault::new(Kind::Refuse), "refused").await;
    assert!(rows(&blue).await.is_err(), "its own proxy refuses");
    assert_eq!(rows(&green).await.expect("the other's does not"), 2);
    blue.heal(&trial, "database").await;

    session.batch_execute("INSERT INTO orders VALUES (3)").await.expect("it is inserted");
    one.kill().await;
    let again = start(&mut blue, &trial, &[]).await;
    assert_eq!(rows(&blue).await.expect("a restart is on the same data"), 3);
    again.kill().await;
    blue.end().await;
    assert_eq!(rows(&green).await.expect("the world outlives an instance"), 3);
    other.kill().await;
    green.end().await;
    drop(session);
    world.end().await;
    process::records::remove(&process::records::base().expect("it is there").join(run))
        .expect("nothing is left");
}
