//! Java and Kotlin: Maven and Gradle, as Spring Boot's builds make a jar.

use regex_lite::Regex;

use super::words::on_path;
use super::{Stack, Start};
use crate::Sourced;
use crate::repository::Repository;

pub(super) fn find(repository: &Repository) -> Option<Start> {
    maven(repository).or_else(|| gradle(repository))
}

fn maven(repository: &Repository) -> Option<Start> {
    let text = repository.text("pom.xml")?;
    // What stands in <parent> is not its own.
    let own = Regex::new(r"(?s)<parent>.*?</parent>").ok()?.replace_all(&text, "").into_owned();
    let own =
        Regex::new(r"(?s)<(dependencies|build|profiles)>.*").ok()?.replace(&own, "").into_owned();
    let tag = |text: &str, name: &str| {
        let pattern = Regex::new(&format!("<{name}>([^<]+)</{name}>")).ok()?;
        Some(pattern.captures(text)?[1].trim().to_owned())
    };
    let jar = match tag(&text, "finalName") {
        Some(name) if !name.contains('$') => name,
        _ => {
            let version = tag(&own, "version").or_else(|| tag(&text, "version"))?;
            format!("{}-{version}", tag(&own, "artifactId")?)
        }
    };
    let words = ["java", "-jar", &format!("target/{jar}.jar")].map(str::to_owned).to_vec();
    let mut start = Start::new(Stack::Java, words, "pom.xml");
    let maven = if repository.has("mvnw") && !on_path("mvn") { "./mvnw" } else { "mvn" };
    start.build = Some(Sourced::new(format!("{maven} -q -B -DskipTests package"), "pom.xml"));
    Some(start)
}

fn gradle(repository: &Repository) -> Option<Start> {
    let file = repository.first(&["build.gradle", "build.gradle.kts"])?;
    let text = repository.text(&file)?;
    let settings = repository.first(&["settings.gradle", "settings.gradle.kts"]);
    let settings = settings.and_then(|path| repository.text(&path)).unwrap_or_default();
    let first =
        |pattern: &str, text: &str| Some(Regex::new(pattern).ok()?.captures(text)?[1].to_owned());
    let name = first(r#"rootProject\.name\s*=\s*['"]([^'"]+)"#, &settings)
        .unwrap_or_else(|| repository.name());
    let version = first(r#"(?m)^version\s*=\s*['"]([^'"]+)"#, &text);
    let jar = version.map_or(name.clone(), |version| format!("{name}-{version}"));
    let words = ["java", "-jar", &format!("build/libs/{jar}.jar")].map(str::to_owned).to_vec();
    let mut start = Start::new(Stack::Java, words, file.clone());
    let gradle = if repository.has("gradlew") { "./gradlew" } else { "gradle" };
    start.build = Some(Sourced::new(format!("{gradle} -q bootJar"), file));
    Some(start)
}

/// Spring reads it, whatever `server.port` says; Quarkus and Micronaut have names of their own.
pub(super) fn port_variable(repository: &Repository) -> Option<Sourced<String>> {
    let files = ["pom.xml", "build.gradle", "build.gradle.kts"];
    let build = repository.first(&files)?;
    let text = repository.text(&build)?;
    let known = [
        ("spring-boot", "SERVER_PORT"),
        ("org.springframework.boot", "SERVER_PORT"),
        ("quarkus", "QUARKUS_HTTP_PORT"),
        ("micronaut", "MICRONAUT_SERVER_PORT"),
    ];
    let (framework, name) = known.iter().find(|(framework, _)| text.contains(framework))?;
    Some(Sourced::new((*name).to_owned(), format!("{framework} reads it")))
}
