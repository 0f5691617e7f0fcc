//! `seaworthy run` from the outside: its life, its refusals, and what it supplies.

mod acme;
mod admin;
mod descriptors;
mod drain;
mod edge;
mod handover;
mod hostile;
mod http2;
mod life;
mod limits;
mod lockout;
mod redis;
mod refusal;
mod reload;
mod tls;
mod tokens;
mod upstream;
mod websocket;
