//! An image as an archive: an OCI image layout (image-spec, `image-layout.md`) with one layer and one file in it. It carries
//! Docker's `manifest.json` too, so that containerd, Docker, Podman and kind load it. The same input gives the same bytes.

use std::fmt::Write;
use std::io;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::Result;

const OCI: &str = "application/vnd.oci.image";

/// The archive of an image whose only file, and entry point, is `program` at `/place`.
pub fn archive(name: &str, place: &str, architecture: &str, program: &[u8]) -> Result<Vec<u8>> {
    let (repository, tag) = split(name)?;
    build(repository, tag, place, architecture, program).map_err(|error| format!("the image: {error}"))
}

fn split(name: &str) -> Result<(&str, &str)> {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !repository.is_empty() && !tag.is_empty() && !tag.contains('/') => {
            Ok((repository, tag))
        }
        _ => Err(format!("{name:?} is no name of an image: write NAME:TAG")),
    }
}

fn build(
    repository: &str,
    tag: &str,
    place: &str,
    architecture: &str,
    program: &[u8],
) -> io::Result<Vec<u8>> {
    let mut blobs = Vec::new();
    let layer = tar([(place.to_owned(), program.to_vec(), 0o755)])?;
    let layer = blob(&mut blobs, layer, "layer.v1.tar");
    // Without a user: who runs it says which, and a container has capabilities as user 0 only.
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": { "Entrypoint": [format!("/{place}")], "WorkingDir": "/" },
        "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
        "history": [{ "created_by": "cargo xtask agent" }],
    });
    let config = blob(&mut blobs, config.to_string().into_bytes(), "config.v1+json");
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": format!("{OCI}.manifest.v1+json"),
        "config": config,
        "layers": [layer],
    });
    let mut manifest = blob(&mut blobs, manifest.to_string().into_bytes(), "manifest.v1+json");
    manifest["annotations"] = json!({
        "io.containerd.image.name": format!("{repository}:{tag}"),
        "org.opencontainers.image.ref.name": tag,
    });
    manifest["platform"] = json!({ "architecture": architecture, "os": "linux" });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": format!("{OCI}.index.v1+json"),
        "manifests": [manifest],
    });
    let docker = json!([{
        "Config": path_of(&config),
        "RepoTags": [format!("{repository}:{tag}")],
        "Layers": [path_of(&layer)],
    }]);
    let layout = json!({ "imageLayoutVersion": "1.0.0" });
    let told = [("oci-layout", layout), ("index.json", index), ("manifest.json", docker)];
    let told = told.map(|(name, value)| (name.to_owned(), value.to_string().into_bytes(), 0o644));
    let blobs = blobs.into_iter().map(|(path, bytes)| (path, bytes, 0o644));
    tar(told.into_iter().chain(blobs))
}

/// Keeps a blob by its digest; its descriptor.
fn blob(blobs: &mut Vec<(String, Vec<u8>)>, bytes: Vec<u8>, kind: &str) -> Value {
    let digest = Sha256::digest(&bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let size = bytes.len();
    blobs.push((format!("blobs/sha256/{digest}"), bytes));
    json!({ "mediaType": format!("{OCI}.{kind}"), "digest": format!("sha256:{digest}"), "size": size })
}

fn path_of(descriptor: &Value) -> String {
    format!("blobs/{}", descriptor["digest"].as_str().unwrap_or_default().replace(':', "/"))
}

/// Files by their paths, of user 0 and of no time.
fn tar(files: impl IntoIterator<Item = (String, Vec<u8>, u32)>) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for (path, bytes, mode) in files {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, path, &bytes[..])?;
    }
    archive.into_inner()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use super::*;

    fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(archive).entries().unwrap() {
            let mut entry = entry.unwrap();
            assert_eq!((entry.header().uid().unwrap(), entry.header().mtime().unwrap()), (0, 0));
            let path = entry.path().unwrap().display().to_string();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.insert(path, bytes);
        }
        files
    }

    #[test]
    fn every_blob_is_where_its_digest_says_and_leads_to_the_program() {
        let archive = archive("localhost/agent:1", "agent", "amd64", b"program").unwrap();
        let files = files(&archive);
        let json = |path: &str| serde_json::from_slice::<Value>(&files[path]).unwrap();
        let mut checked = 0;
        for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with("blobs/")) {
            let mut again = Vec::new();
            blob(&mut again, bytes.clone(), "");
            assert_eq!(&again[0].0, path);
            checked += 1;
        }
        assert_eq!(checked, 3);
        let manifest = json(&path_of(&json("index.json")["manifests"][0]));
        let config = json(&path_of(&manifest["config"]));
        assert_eq!(config["config"]["Entrypoint"], json!(["/agent"]));
        let layer = &files[&path_of(&manifest["layers"][0])];
        assert_eq!(manifest["layers"][0]["size"], layer.len());
        assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
        let mut inside = tar::Archive::new(&layer[..]);
        let entry = inside.entries().unwrap().next().unwrap().unwrap();
        assert_eq!((entry.path().unwrap().to_str(), entry.header().mode().unwrap()), (Some("agent"), 0o755));
        let docker = json("manifest.json");
        assert_eq!(docker[0]["RepoTags"][0], "localhost/agent:1");
        assert!(files.contains_key(docker[0]["Config"].as_str().unwrap()));
    }

    #[test]
    fn the_same_input_gives_the_same_bytes() {
        let archive = |name, program| archive(name, "agent", "amd64", program).unwrap();
        assert_eq!(archive("a:1", b"program"), archive("a:1", b"program"));
        assert_ne!(archive("a:1", b"program"), archive("a:1", b"another"));
        assert_ne!(archive("a:1", b"program"), archive("a:2", b"program"));
    }

    #[test]
    fn a_name_needs_a_tag() {
        for name in ["", "a", ":1", "a:", "localhost:5000/a"] {
            assert!(archive(name, "agent", "amd64", b"").unwrap_err().contains("NAME:TAG"), "{name}");
        }
        archive("localhost:5000/a:1", "agent", "amd64", b"").unwrap();
    }
}
