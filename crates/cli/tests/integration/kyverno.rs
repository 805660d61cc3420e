//! Kyverno's command line: expressions asked of files, shown and listed.

use std::io::Write as _;
use std::process::Stdio;

use crate::harness::Room;

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: busybox-with-a-long-name\nspec:\n  containers:\n  - {name: a, image: nginx}\n  - {name: b, image: \"ghcr.io/x/y:1\"}\n";

#[test]
fn expressions_are_asked_of_files() {
    let room = Room::new();
    room.file("pod.yaml", POD);
    room.file("query", "spec.containers[*].image");
    let run = room.check("kyverno jp query -i pod.yaml 'metadata.name | truncate(@, `9`)'", 0, &[]);
    assert_eq!(run.out, "# metadata.name | truncate(@, `9`)\n\"busybox-w\"\n");
    let run = room.check("kyverno jp query -u -i pod.yaml -q query metadata.name", 0, &[]);
    assert_eq!(
        run.out,
        "# metadata.name\nbusybox-with-a-long-name\n# spec.containers[*].image\n[\n  \"nginx\",\n  \"ghcr.io/x/y:1\"\n]\n"
    );
    let run = room.check("kyverno jp query --compact --input pod.yaml -q query", 0, &[]);
    assert_eq!(run.out, "# spec.containers[*].image\n[\"nginx\",\"ghcr.io/x/y:1\"]\n");
    // The clock is the one that was given.
    let run = room.check("kyverno jp query -u -i pod.yaml time_now()", 0, &[]);
    assert!(run.out.ends_with("Z\n"), "{run}");
    assert_eq!(room.run("kyverno jp query -u -i pod.yaml time_now()").out, run.out);
}

#[test]
fn errors_say_where() {
    let room = Room::new();
    room.file("pod.yaml", POD);
    let run = room.check("kyverno jp query -i pod.yaml metadata.labels.app", 1, &[]);
    assert_eq!(run.talk, "Error: error evaluating JMESPath expression: Unknown key \"labels\" in path\n");
    let run = room.check("kyverno jp query -i pod.yaml 'metadata . [ '", 1, &[]);
    assert_eq!(
        run.talk,
        "Error: SyntaxError: no JMESPath at character 13: expected an expression, found the end\nmetadata . [ \n             ^\n"
    );
    room.check("kyverno jp query", 1, &["at least one query or input object is required"]);
    room.check("kyverno jp query -i none.yaml a", 1, &["failed open file none.yaml"]);
    room.file("broken.yaml", "a: [");
    room.check("kyverno jp query -i broken.yaml a", 1, &["error parsing input json"]);
    room.check("kyverno jp parse 'lenght(@)'", 1, &["unknown function `lenght`, did you mean `length`"]);
}

#[test]
fn input_comes_from_standard_input() {
    let room = Room::new();
    let mut command = room.command("kyverno jp query -c a.b");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"{\"a\": {\"b\": [1, 2.0]}}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "# a.b\n[1,2]\n");
}

#[test]
fn trees_and_functions_are_shown() {
    let room = Room::new();
    let run = room.check("kyverno jp parse a", 0, &[]);
    assert_eq!(run.out, "# a\nASTField {\n  value: \"a\"\n}\n\n");
    let run = room.check("kyverno jp function truncate", 0, &[]);
    assert_eq!(
        run.out,
        "Name: truncate\n  Signature: truncate(string, number) string\n  Note:      at most so many characters of a text\n\n"
    );
    let run = room.check("kyverno jp function", 0, &["Name: x509_decode", "Name: time_since"]);
    assert_eq!(run.out.matches("Name: ").count(), 51);
    assert_eq!(room.check("kyverno jp function nobody", 0, &[]).out, "");
}
