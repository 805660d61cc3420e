//! `signet init` in repositories of several makes.

use crate::harness::Room;

#[test]
fn a_policy_and_a_pipeline_are_made_of_what_is_there() {
    let room = Room::new();
    room.file("app/.git/config", "[remote \"origin\"]\n\turl = git@github.com:my-org/app.git\n");
    room.file("app/.github/workflows/ci.yml", "on: push\njobs: {}\n");
    room.file("app/Dockerfile", "FROM gcr.io/distroless/static-debian12:nonroot\n");
    room.file("app/k8s/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'ghcr.io/my-org/app:1'}, {name: d, image: 'registry.example.com/tool:2'}]}\n");
    let shown = room.check("init app --dry-run", 0, &["ghcr.io/my-org/**", "registry.example.com/tool"]);
    assert!(!room.path("app/signet-policy.yaml").exists(), "{shown}");
    room.check("init app", 0, &["wrote app/signet-policy.yaml", "wrote app/.github/workflows/signet.yml", "in audit"]);
    let policy = room.read("app/signet-policy.yaml");
    for needle in [
        "mode: audit",
        "subject: \"https://github.com/my-org/app/.github/workflows/*\"",
        "gcr.io/distroless/static-debian12",
    ] {
        assert!(policy.contains(needle), "no `{needle}` in\n{policy}");
    }
    // What is written is read, says nothing but that it is in audit, and names no image.
    room.check("policy lint app/signet-policy.yaml", 0, &["0 errors, 0 warnings"]);
    room.check("pin --check app/.github", 3, &["names an image"]);
    room.file("pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'docker.io/library/nginx:1'}]}\n");
    room.check("--offline policy apply app/signet-policy.yaml -r pod.yaml", 0, &["audited by production/otherwise"]);

    room.check("init app", 1, &["signet-policy.yaml` is there already", "--force"]);
    room.check("init app --force", 0, &["wrote"]);
}

#[test]
fn a_repository_that_says_nothing_gets_a_policy_all_the_same() {
    let room = Room::new();
    room.file("app/README", "nothing\n");
    room.check("init app", 0, &["wrote app/signet-policy.yaml"]);
    room.check("policy lint app/signet-policy.yaml", 0, &["0 errors"]);
    assert!(!room.path("app/.github").exists());
    room.file("lab/.gitlab-ci.yml", "stages: [test]\n");
    room.file("lab/.git/config", "[remote \"origin\"]\n\turl = https://gitlab.example.com/group/app.git\n");
    room.check("init lab", 0, &["wrote lab/.gitlab/signet.gitlab-ci.yml"]);
    assert!(room.read("lab/signet-policy.yaml").contains("issuer: \"https://gitlab.example.com\""));
    room.check("init nosuch", 1, &["nosuch"]);
}
