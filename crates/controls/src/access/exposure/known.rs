//! Paths at which frameworks, tools and careless copies show what is not for everybody, and how
//! each is told from a page that a single-page app answers for every path.

/// A path, and what its answer looks like when it is what its name says.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) path: &'static str,
    pub(super) cause: &'static str,
    pub(super) what: &'static str,
    /// Texts of which one must stand in the answer.
    signs: &'static [&'static str],
}

const fn known(
    path: &'static str,
    cause: &'static str,
    what: &'static str,
    signs: &'static [&'static str],
) -> Known {
    Known { path, cause, what, signs }
}

const ENV: &[&str] = &["_URL=", "_KEY=", "SECRET=", "PASSWORD=", "_TOKEN="];
const OPENAPI: &[&str] = &["\"openapi\"", "\"swagger\"", "openapi:", "swagger:"];
const SWAGGER: &[&str] = &["swagger-ui", "SwaggerUI", "redoc", "Redoc"];

pub(super) const PATHS: &[Known] = &[
    known("/.env", "secrets-file", "a file of variables", ENV),
    known("/.env.production", "secrets-file", "a file of variables", ENV),
    known("/.git/HEAD", "repository", "the repository", &["ref: refs/"]),
    known("/.git/config", "repository", "the repository", &["[core]"]),
    known("/metrics", "metrics", "its metrics", &["# HELP", "# TYPE"]),
    known("/actuator", "actuator", "Spring's actuator", &["\"_links\""]),
    known("/actuator/prometheus", "metrics", "its metrics", &["# HELP", "# TYPE"]),
    known("/actuator/metrics", "actuator", "its metrics", &["\"names\""]),
    known("/actuator/configprops", "actuator", "its configuration", &["contexts"]),
    known("/actuator/env", "actuator", "its environment", &["propertySources"]),
    known("/actuator/heapdump", "actuator", "a dump of its memory", &["JAVA PROFILE"]),
    known("/debug/pprof/", "profiler", "Go's profiler", &["profile", "goroutine"]),
    known("/debug/vars", "profiler", "Go's variables", &["memstats"]),
    known("/openapi.json", "api-document", "the API's description", OPENAPI),
    known("/swagger.json", "api-document", "the API's description", OPENAPI),
    known("/v3/api-docs", "api-document", "the API's description", OPENAPI),
    known("/v3/api-docs.yaml", "api-document", "the API's description", OPENAPI),
    known("/openapi.yaml", "api-document", "the API's description", OPENAPI),
    known("/api-docs", "api-document", "the API's description", &["swagger", "openapi"]),
    known("/docs", "api-document", "the API's documentation", SWAGGER),
    known("/redoc", "api-document", "the API's documentation", SWAGGER),
    known("/swagger-ui/", "api-document", "the API's documentation", SWAGGER),
    known("/swagger-ui/index.html", "api-document", "the API's documentation", SWAGGER),
    known("/swagger-ui.html", "api-document", "the API's documentation", SWAGGER),
    known("/graphiql", "console", "a GraphQL console", &["GraphiQL", "graphiql"]),
    known("/h2-console", "console", "a database console", &["H2 Console"]),
    known("/phpinfo.php", "console", "PHP's configuration", &["phpinfo()"]),
    known("/server-status", "server-status", "the web server's status", &["Server Version"]),
    known("/nginx_status", "server-status", "the web server's status", &["Active connections"]),
    known("/config.json", "configuration", "its configuration", &["password", "secret", "apiKey"]),
    known("/backup.sql", "backup", "a dump of the database", &["CREATE TABLE", "INSERT INTO"]),
    known("/dump.sql", "backup", "a dump of the database", &["CREATE TABLE", "INSERT INTO"]),
    known(NOWHERE, "debug-page", "a page for developers", DEBUG),
];

/// A path that no service has: frameworks in development show their routes there.
pub(super) const NOWHERE: &str = "/seaworthy-no-such-page";
const DEBUG: &[&str] = &[
    "Using the URLconf defined in",
    "Rails.root:",
    "Werkzeug Debugger",
    "Whoops! There was an error",
    "Symfony Exception",
    "DEBUG = True",
];

/// What the manifest's own metrics look like, where they are on the public port.
pub(super) const METRICS: &[&str] = &["# HELP", "# TYPE"];

/// Links of Spring's discovery page that are public by default.
const PUBLIC_LINKS: [&str; 4] = ["self", "health", "health-path", "info"];

/// Whether a discovery page lists nothing but itself and what is public by default.
fn only_public_links(body: &str) -> bool {
    let page: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let links = page.as_ref().and_then(|page| page["_links"].as_object());
    links.is_some_and(|links| links.keys().all(|name| PUBLIC_LINKS.contains(&name.as_str())))
}

impl Known {
    /// Whether an answer is what the path's name says.
    pub(super) fn shows(&self, body: &str) -> bool {
        let page = body.trim_start().get(..9).is_some_and(|s| s.eq_ignore_ascii_case("<!doctype"));
        let for_people =
            matches!(self.cause, "api-document" | "console" | "profiler" | "server-status")
                || self.cause == "debug-page";
        if self.path == "/actuator" && only_public_links(body) {
            return false;
        }
        (for_people || !page) && self.signs.iter().any(|sign| body.contains(sign))
    }
}
