//! The service that is called: axum on loopback.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;

/// Serves until the program ends.
pub async fn start() -> std::io::Result<SocketAddr> {
    let app = Router::new()
        .route("/health", get(|| async { "ok" }))
        .route("/charge", post(|| async { r#"{"charged":true}"# }));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}
