//! A container engine of a few lines, from Docker's API description: it has one image, whatever name it is asked for.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;

use signet_image::build::BuiltImage;

/// Listens at `docker.sock` in the folder. Gives what `DOCKER_HOST` says of it.
pub(crate) fn listen(folder: &Path, image: &BuiltImage, tag: &str) -> String {
    let socket = folder.join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let archive = image.docker_archive(&[tag]);
    let id = image.config_digest.to_string();
    let inspect = format!(r#"{{"Id":"{id}","RepoTags":["{tag}"],"RepoDigests":[]}}"#);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut stream = stream;
            let mut line = String::new();
            if reader.read_line(&mut line).is_err() {
                continue;
            }
            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            while line.trim() != "" {
                line.clear();
                if reader.read_line(&mut line).is_err() {
                    break;
                }
            }
            let (status, body): (&str, &[u8]) = match path {
                path if path == format!("/images/{id}/get") => ("200 OK", &archive),
                path if path.starts_with("/images/") && path.ends_with("/json") => ("200 OK", inspect.as_bytes()),
                _ => ("404 Not Found", br#"{"message":"No such image"}"#),
            };
            let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            // Whoever went away does not want the rest.
            let _written = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    format!("unix://{}", socket.display())
}
