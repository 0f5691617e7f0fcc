//! Through the binary: what a user sees when input or services are bad, and what is left behind.

mod bad_input;
mod bad_services;
mod bench;
mod cleanup;
mod dependencies;
mod findings;
mod first_use;
mod no_harm;
mod page;
mod reports;
mod steps;
mod stored;
mod target;
mod tls;
mod world;
