//! `seaworthy run`: starts the service, supervises it and stands before it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use edge::{Address, CertificateFiles, Config};
use engine::check;
use settings::{Expectation, Manifest, Port, Via, template};

use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::manifest_file::{ManifestFile, NAME};
use crate::screen;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Arguments {
    /// The manifest, or the folder that holds it; the one in this folder by default, if any.
    #[arg(long, value_name = "PATH")]
    manifest: Option<PathBuf>,
    /// The public address: 8080 (loopback), 0.0.0.0:8080 (everybody), or NAME=ADDR for a further
    /// port of service.ports. $PORT by default.
    #[arg(long, value_name = "[NAME=]ADDR")]
    listen: Vec<String>,
    /// The port that the service itself shall listen on, or NAME=PORT; a free one by default.
    #[arg(long, value_name = "[NAME=]PORT")]
    port: Vec<String>,
    /// Supply these controls instead of those of the manifest's [supply].
    #[arg(long, value_name = "ID[,ID]", value_delimiter = ',')]
    supply: Option<Vec<String>>,
    /// Speak TLS at the main address with this certificate and its key (PEM); several are possible,
    /// and each client gets the one for the name it asks for. They are read anew when they change.
    #[arg(long, value_name = "CERTIFICATE,KEY", value_parser = certificate)]
    tls: Vec<CertificateFiles>,
    /// How many threads serve; the number of processors by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Take the place of the seaworthy run that has this operators' socket: its listeners are kept
    /// open, a new instance of the service is started, and when that is ready the old ones drain. For
    /// a new seaworthy or a new release of the service, without a lost connection.
    #[arg(long)]
    take_over: bool,
    /// The path of the operators' socket, or "none".
    #[arg(long, value_name = "PATH")]
    admin: Option<PathBuf>,
    /// The command, instead of the manifest's service.start.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// `CERTIFICATE,KEY`.
fn certificate(text: &str) -> Result<CertificateFiles, String> {
    match text.split_once(',') {
        Some((certificate, key)) if !certificate.is_empty() && !key.is_empty() => {
            Ok(CertificateFiles { certificate: certificate.into(), key: key.into() })
        }
        _ => Err("expected CERTIFICATE,KEY, such as cert.pem,key.pem".to_owned()),
    }
}

/// Everything that was found out before the service starts.
struct Prepared {
    config: Config,
    argv: Vec<String>,
    folder: PathBuf,
    env: BTreeMap<String, String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let Prepared { config, argv, folder, env } = prepare(arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("cannot start: {error}")))?;
    let again = arguments.clone();
    let reread: edge::Reread = Box::new(move || {
        prepare(&again).map(|prepared| prepared.config).map_err(|failure| {
            let text = failure.message.trim_start_matches("refused to start:");
            vec![text.trim().to_owned()]
        })
    });
    let ended = runtime.block_on(edge::run(config, argv, folder, env, reread));
    // A name that is still being looked up would hold up the end.
    runtime.shutdown_background();
    let ended = ended.map_err(|problem| refused(&[problem]))?;
    Ok(exit::of_service(ended.code))
}

fn refused(problems: &[String]) -> Failure {
    let lines: Vec<&str> = problems.iter().flat_map(|problem| problem.lines()).collect();
    let many = if lines.len() > 1 { "\n  " } else { " " };
    Failure::usage(format!("refused to start:{many}{}", lines.join("\n  ")))
}

fn prepare(arguments: &Arguments) -> Result<Prepared, Failure> {
    let (manifest, root) = manifest(arguments)?;
    let mut problems = Vec::new();
    let (mut values, odd) = process::spawn::environment();
    for name in odd {
        // It cannot be checked, and the service does not get it.
        screen::message(&format!("seaworthy: {name} is not UTF-8 and is not passed on\n"));
    }
    let supplied = arguments.supply.clone().unwrap_or_else(|| manifest.supply.controls.clone());
    let declared = manifest.environment.keys();
    problems.extend(edge::secrets::fill(declared, &manifest.supply.secrets, &mut values));
    let addresses = match addresses(arguments, &manifest, &values) {
        Ok(addresses) => addresses,
        Err(found) => {
            problems.extend(found);
            Vec::new()
        }
    };
    if arguments.take_over {
        problems.extend(cannot_take_over(arguments, &manifest));
    }
    let given = values.clone();
    tell_ports(&manifest, &addresses, &mut values);
    // What was given is checked, and not what stands in its place then.
    let checked = values.clone().into_iter().chain(given).collect();
    let unread = problems.clone();
    // A file that could not be read is told once, and not as a missing variable again.
    let told = |problem: &String| {
        let name = problem.split(' ').next().unwrap_or_default();
        unread.iter().any(|one| one.starts_with(&format!("{name}_FILE")))
    };
    let wrong = environment(&manifest, &supplied, &checked).into_iter();
    problems.extend(wrong.filter(|problem| !told(problem)));
    let argv = argv(arguments, &manifest, &addresses, &values, &mut problems);
    let folder = if arguments.command.is_empty() {
        root.join(&manifest.service.folder)
    } else {
        PathBuf::from(".")
    };
    let argv = locate(argv, &folder, &mut problems);
    let main = addresses.first().map_or(0, |address| address.public.port());
    match Config::new(&manifest, &supplied, addresses, &values) {
        Ok(mut config) if problems.is_empty() => {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            config.workers = arguments.workers.map_or(processors, usize::from);
            config.take_over = arguments.take_over;
            config.admin = admin(arguments, &manifest.service.name, main);
            config.routes = routes(&manifest, &root);
            // It belongs to the log and not to the service.
            values.remove("SEAWORTHY_LOG_KEY");
            config.flags_file = config.flags_file.map(|file| root.join(file));
            config.tokens = config.tokens.map(|tokens| tokens.rooted(&root));
            config.tls.rooted(&root);
            if !arguments.tls.is_empty() {
                config.tls.certificates.clone_from(&arguments.tls);
            }
            Ok(Prepared { config, argv, folder, env: values })
        }
        Ok(_) => Err(refused(&problems)),
        Err(more) => {
            problems.extend(more);
            Err(refused(&problems))
        }
    }
}

/// The manifest, or one that knows nothing but the command.
fn manifest(arguments: &Arguments) -> Result<(Manifest, PathBuf), Failure> {
    let here = Path::new(".");
    let path = arguments.manifest.as_deref();
    if let Some(path) = path.or(here.join(NAME).exists().then_some(here)) {
        let file = ManifestFile::read(path)?;
        let root = file.root();
        return Ok((file.parsed.manifest, root));
    }
    let Some(program) = arguments.command.first() else {
        return Err(Failure::usage("there is neither a manifest here nor a command")
            .hint("seaworthy run --listen 8080 -- node dist/app.js"));
    };
    let name =
        Path::new(program).file_name().map_or("service".into(), |name| name.to_string_lossy());
    let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let text =
        format!("[service]\nname = \"{name}\"\nstart = \"it\"\nport = {{ env = \"PORT\" }}\n");
    let parsed = settings::parse(&text)
        .map_err(|_| Failure::internal("the manifest of a bare command is wrong"))?;
    Ok((parsed.manifest, here.to_owned()))
}

/// Why two instances cannot be there at once.
fn cannot_take_over(arguments: &Arguments, manifest: &Manifest) -> Vec<String> {
    let mut problems = Vec::new();
    let fixed = match &manifest.service.port {
        Some(Port::Fixed(port)) => Some(format!("service.port is fixed at {port}")),
        _ if !arguments.port.is_empty() => Some("--port fixes the service's port".to_owned()),
        _ => None,
    };
    if let Some(fixed) = fixed {
        problems.push(format!(
            "--take-over: {fixed}, where the old instance listens until the new one is ready; let \
             seaworthy choose it: port = {{ env = \"PORT\" }}, or {{port}} in service.start"
        ));
    }
    if arguments.admin.as_ref().is_some_and(|path| path.as_os_str() == "none") {
        problems
            .push("--take-over: expected the operators' socket of the one that runs".to_owned());
    }
    problems
}

/// `NAME=VALUE` or a value for the main port.
fn named(text: &str) -> (Option<String>, &str) {
    match text.split_once('=') {
        Some((name, value)) => (Some(name.to_owned()), value),
        None => (None, text),
    }
}

fn addresses(
    arguments: &Arguments,
    manifest: &Manifest,
    values: &BTreeMap<String, String>,
) -> Result<Vec<Address>, Vec<String>> {
    let mut problems = Vec::new();
    let mut public: BTreeMap<Option<String>, String> = BTreeMap::new();
    if let Some(listen) = manifest.supply.listen.clone().or_else(|| values.get("PORT").cloned()) {
        public.insert(None, listen);
    }
    public.extend(manifest.supply.ports.iter().map(|(n, a)| (Some(n.clone()), a.clone())));
    let given = arguments.listen.iter().map(|text| named(text));
    public.extend(given.map(|(name, address)| (name, address.to_owned())));
    let mut inner: BTreeMap<Option<String>, u16> = BTreeMap::new();
    for (name, port) in arguments.port.iter().map(|text| named(text)) {
        match port.parse() {
            Ok(port) => drop(inner.insert(name, port)),
            Err(_) => {
                problems.push(format!("--port: expected a port such as 3000, found {port:?}"));
            }
        }
    }
    if !public.contains_key(&None) {
        problems.push(
            "nothing says where to listen: --listen 8080, [supply] listen, or $PORT".to_owned(),
        );
    }
    let mut all = Vec::new();
    for (name, text) in public {
        let known = name.as_ref().is_none_or(|name| manifest.service.ports.contains(name));
        if !known {
            let ports = manifest.service.ports.join(", ");
            let ports = if ports.is_empty() { "none".to_owned() } else { ports };
            problems.push(format!(
                "listen: expected the name of a port in service.ports, found {:?}; declared: {ports}",
                name.unwrap_or_default()
            ));
            continue;
        }
        let fixed = match (&name, &manifest.service.port) {
            (None, Some(Port::Fixed(port))) => Some(*port),
            _ => None,
        };
        let port = inner.get(&name).copied().or(fixed).map_or_else(edge::free_port, Ok);
        match (Address::public(&text), port) {
            (Ok(public), Ok(port)) => {
                let service = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                all.push(Address { name, public, service });
            }
            (Err(problem), _) => problems.push(format!("listen: {problem}")),
            (_, Err(error)) => problems.push(format!("there is no free port: {error}")),
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

fn port_of(addresses: &[Address], name: &str) -> Option<String> {
    let wanted = name.strip_prefix("port.");
    let address = addresses.iter().find(|address| address.name.as_deref() == wanted)?;
    Some(address.service.port().to_string())
}

/// Sets the variables by which the service learns its ports.
fn tell_ports(manifest: &Manifest, addresses: &[Address], values: &mut BTreeMap<String, String>) {
    let Some(main) = port_of(addresses, "port") else { return };
    if let Some(Port::Env(variable)) = &manifest.service.port {
        values.insert(variable.clone(), main);
    }
    for (name, variable) in manifest.environment.iter().filter(|(_, v)| v.via == Via::Environment) {
        let Some(text) = &variable.value else { continue };
        let mut names = template::names(text).peekable();
        if names.peek().is_some() && names.all(|name| name == "port" || name.starts_with("port.")) {
            let filled = template::fill(text, |name| port_of(addresses, name));
            values.insert(name.clone(), filled);
        }
    }
}

/// Everything that is wrong with the environment.
fn environment(
    manifest: &Manifest,
    supplied: &[String],
    values: &BTreeMap<String, String>,
) -> Vec<String> {
    let checked = check::environment(manifest, values).into_iter();
    let wrong = checked.filter_map(|one| Some(format!("{} {}", one.what, one.problem?)));
    let mut problems: Vec<String> = wrong.collect();
    for (name, variable) in &manifest.environment {
        let absent = !values.contains_key(name) && variable.via == Via::Environment;
        if absent && variable.when_absent() == Expectation::Warns {
            screen::message(&format!("seaworthy: {name} is not set\n"));
        }
    }
    if supplied.iter().any(|id| id == "feature-flags") {
        for flag in manifest.controls.feature_flags.flags.values().filter(|flag| flag.required) {
            let variable = &flag.variable;
            if values.get(variable) != Some(&flag.on)
                && !problems.iter().any(|p| p.starts_with(variable))
            {
                problems.push(format!("{variable} must be {:?}: the service needs it", flag.on));
            }
        }
    }
    problems
}

fn argv(
    arguments: &Arguments,
    manifest: &Manifest,
    addresses: &[Address],
    values: &BTreeMap<String, String>,
    problems: &mut Vec<String>,
) -> Vec<String> {
    let words =
        if arguments.command.is_empty() { &manifest.service.start.0 } else { &arguments.command };
    let unknown = std::cell::RefCell::new(Vec::new());
    let filled = words.iter().map(|word| {
        template::fill(word, |name| match name {
            "host" => Some(manifest.service.host.clone()),
            "folder" => Some(".".to_owned()),
            "port" => port_of(addresses, name),
            _ if name.starts_with("port.") => port_of(addresses, name),
            _ => match name.strip_prefix("environment.") {
                Some(variable) => values.get(variable).cloned(),
                None => {
                    unknown.borrow_mut().push(name.to_owned());
                    None
                }
            },
        })
    });
    let filled = filled.collect();
    for name in unknown.into_inner() {
        // A command after `--` may hold braces of its own.
        if arguments.command.is_empty() {
            problems.push(format!(
                "service.start: {{{name}}} is only known in the lab; give the command after --"
            ));
        }
    }
    filled
}

/// The command with its program as a path.
fn locate(mut argv: Vec<String>, folder: &Path, problems: &mut Vec<String>) -> Vec<String> {
    let Some(word) = argv.first() else { return argv };
    let found = if word.contains('/') {
        Some(folder.join(word)).filter(|path| process::spawn::is_program(path))
    } else {
        process::spawn::find_program(word, &[])
    };
    match found {
        Some(path) => {
            // Its folder will be another one when it is started.
            let path = path
                .canonicalize()
                .map_or(path.clone(), |whole| if path.is_absolute() { path } else { whole });
            argv[0] = path.to_string_lossy().into_owned();
        }
        None => {
            let looked = if word.contains('/') {
                format!("at {}", folder.join(word).display())
            } else {
                "on PATH".to_owned()
            };
            problems.push(format!("there is no program {word} {looked}"));
        }
    }
    argv
}

fn admin(arguments: &Arguments, service: &str, port: u16) -> Option<PathBuf> {
    match &arguments.admin {
        Some(path) if path.as_os_str() == "none" => None,
        Some(path) => Some(path.clone()),
        None => Some(super::admin::folder().join(format!("{service}-{port}.sock"))),
    }
}

/// The routes that an OpenAPI document beside the manifest names.
fn routes(manifest: &Manifest, root: &Path) -> Vec<String> {
    let file = manifest.controls.input_validation.openapi.as_ref();
    let text = file.and_then(|file| std::fs::read_to_string(root.join(file)).ok());
    let document: Option<serde_json::Value> =
        text.and_then(|text| serde_json::from_str(&text).ok());
    let paths = document.as_ref().and_then(|document| document["paths"].as_object());
    paths.map(|paths| paths.keys().cloned().collect()).unwrap_or_default()
}
