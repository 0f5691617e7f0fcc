//! axum's hello world, with a route that writes.

use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct NewUser {
    username: String,
}

#[derive(Serialize)]
struct User {
    id: u64,
    username: String,
}

#[tokio::main]
async fn main() {
    let app = Router::new().route("/", get(hello)).route("/users", post(create_user));
    let listener = tokio::net::TcpListener::bind("0.0.0.0:3000").await.unwrap();
    axum::serve(listener, app).await.unwrap();
}

async fn hello() -> &'static str {
    "Hello, World!"
}

async fn create_user(Json(new): Json<NewUser>) -> (StatusCode, Json<User>) {
    (StatusCode::CREATED, Json(User { id: 1, username: new.username }))
}
