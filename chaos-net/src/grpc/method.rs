//! Matching gRPC methods and services.

use chaos_core::{Error, Matcher, Result};

use crate::exchange::Http;

/// Requests for this method: `"package.Service/Method"`.
///
/// # Errors
/// What is not two names with one `/` between them.
pub fn method(method: &str) -> Result<Matcher<Http>> {
    let name = method.strip_prefix('/').unwrap_or(method);
    let parts: Vec<_> = name.split('/').collect();
    if parts.len() != 2 || parts.iter().any(|part| !is_name(part)) {
        return Err(Error::invalid(format!("gRPC method {method:?} is not like package.Service/Method")));
    }
    let path = format!("/{name}");
    Ok(Matcher::<Http>::new(format!("gRPC method {name}"), move |call| call.path() == path))
}

/// Requests for any method of this service: `"package.Service"`.
///
/// # Errors
/// What is not a name.
pub fn service(service: &str) -> Result<Matcher<Http>> {
    if !is_name(service) {
        return Err(Error::invalid(format!("gRPC service {service:?} is not like package.Service")));
    }
    let prefix = format!("/{service}/");
    Ok(Matcher::<Http>::new(format!("gRPC service {service}"), move |call| call.path().starts_with(&prefix)))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_')
}
