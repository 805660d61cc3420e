//! `validate.podSecurity`: the Pod Security Standards, by level and version, with exclusions.
//!
//! Each check gives violations with the field and the value; an exclusion takes violations away, never a check as a whole: what another container
//! does wrong stays wrong. An exclusion with images is about containers of those images, one without about the Pod itself.
//! Source: kubernetes/pod-security-admission:policy/check_*.go; kyverno/kyverno:pkg/pss/.

use std::collections::BTreeMap;

use serde_json::Value;

use super::images::Parts;
use super::printed::sprint;
use crate::wildcard;

/// A compiled `podSecurity`.
#[derive(Clone, Debug)]
pub(crate) struct PodSecurity {
    restricted: bool,
    /// As written, for messages.
    level: String,
    version: String,
    /// The minor version of Kubernetes whose standards hold.
    minor: u32,
    exclude: Vec<Control>,
}

/// An exclusion.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    name: String,
    images: Vec<String>,
    field: Option<String>,
    values: Vec<String>,
}

/// One thing that a Pod does wrong.
#[derive(Clone, Debug, PartialEq)]
struct Violation {
    control: &'static str,
    reason: &'static str,
    /// `spec.containers[0].securityContext.privileged`
    field: String,
    value: Option<Value>,
    /// The image of the container that it is about.
    image: Option<String>,
}

const CONTROLS: [&str; 17] = [
    "HostProcess",
    "Host Namespaces",
    "Privileged Containers",
    "Capabilities",
    "HostPath Volumes",
    "Host Ports",
    "Host Probes / Lifecycle Hooks",
    "AppArmor",
    "SELinux",
    "/proc Mount Type",
    "Seccomp",
    "Sysctls",
    "Volume Types",
    "Privilege Escalation",
    "Running as Non-root",
    "Running as Non-root user",
    "procMount",
];

impl Control {
    pub(crate) fn compile(value: &Value) -> Result<Control, String> {
        let texts = |key: &str| {
            let items = value.get(key).and_then(Value::as_array).into_iter().flatten();
            items.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        let name = value.get("controlName").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !CONTROLS.contains(&name.as_str()) {
            return Err(format!("there is no Pod security control `{name}`; there are: {}", CONTROLS.join(", ")));
        }
        let field = value.get("restrictedField").and_then(Value::as_str).filter(|field| !field.is_empty());
        let values = texts("values");
        if field.is_some() && values.is_empty() {
            return Err(format!("the exclusion of `{name}` names a `restrictedField` and no `values`"));
        }
        Ok(Control { name, images: texts("images"), field: field.map(str::to_owned), values })
    }

    fn covers(&self, violation: &Violation) -> bool {
        let image = match (&violation.image, self.images.is_empty()) {
            (None, without) => without,
            (Some(_), true) => false,
            (Some(image), false) => self.images.iter().any(|pattern| wildcard::matches(pattern, image)),
        };
        let field = match &self.field {
            None => true,
            Some(field) => {
                let written = violation.value.as_ref();
                let one = |value: &Value| self.values.iter().any(|wanted| wildcard::matches(wanted, &sprint(value)));
                starred(&violation.field) == *field
                    && match written {
                        Some(Value::Array(items)) => items.iter().all(one),
                        // Of a mapping the keys are named.
                        Some(Value::Object(entries)) => {
                            entries.keys().all(|key| self.values.iter().any(|wanted| wildcard::matches(wanted, key)))
                        }
                        Some(value) => one(value),
                        None => self
                            .values
                            .iter()
                            .any(|wanted| wanted.is_empty() || wanted == "undefined" || wanted == "nil"),
                    }
            }
        };
        self.name == violation.control && image && field
    }
}

/// `spec.containers[0].x` as `spec.containers[*].x`.
fn starred(field: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for letter in field.chars() {
        match letter {
            '[' => {
                inside = true;
                out.push_str("[*");
            }
            ']' => {
                inside = false;
                out.push(']');
            }
            _ if inside => {}
            other => out.push(other),
        }
    }
    out
}

impl PodSecurity {
    pub(crate) fn compile(value: &Value) -> Result<PodSecurity, String> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (level, version) = (text("level"), text("version"));
        let restricted = match level.as_str() {
            "restricted" => true,
            "baseline" => false,
            other => return Err(format!("`{other}` is no level of Pod security; there are baseline and restricted")),
        };
        let minor = match version.as_str() {
            "" | "latest" => u32::MAX,
            version => version.strip_prefix("v1.").and_then(|minor| minor.parse().ok()).ok_or_else(|| {
                format!("`{version}` is no version of the Pod Security Standards; write `latest` or `v1.N`")
            })?,
        };
        let exclude = value.get("exclude").and_then(Value::as_array).into_iter().flatten();
        let exclude = exclude.map(Control::compile).collect::<Result<_, _>>()?;
        Ok(PodSecurity { restricted, level, version, minor, exclude })
    }

    /// What is wrong with a resource, as a message; `None` if nothing is. `Err` if the resource has no Pod in it.
    pub(crate) fn check(&self, resource: &Value, more: &[Control]) -> Result<Option<String>, String> {
        let found = self.violations(&pod_of(resource)?, more);
        if found.is_empty() {
            return Ok(None);
        }
        let mut message = format!("It violates PodSecurity \"{}:{}\": ", self.level, self.version);
        let mut reasons: Vec<&str> = found.iter().map(|violation| violation.reason).collect();
        reasons.dedup();
        for reason in reasons {
            let fields: Vec<String> = found
                .iter()
                .filter(|violation| violation.reason == reason)
                .map(|violation| match &violation.value {
                    Some(value) => {
                        format!("{} is forbidden, forbidden values found: {}", violation.field, sprint(value))
                    }
                    None => format!("{}: Required value", violation.field),
                })
                .collect();
            message.push_str(&format!("(Forbidden reason: {reason}, field error list: [{}])", fields.join(", ")));
        }
        Ok(Some(message))
    }

    fn violations(&self, pod: &Pod<'_>, more: &[Control]) -> Vec<Violation> {
        let mut found = Vec::new();
        pod.baseline(self.minor, &mut found);
        if self.restricted {
            pod.restricted(self.minor, &mut found);
        }
        found.retain(|violation| !self.exclude.iter().chain(more).any(|control| control.covers(violation)));
        found
    }

    /// What a report says of a failure besides: the level, and the controls by the names of Kubernetes' checks.
    ///
    /// Source: kyverno/kyverno:pkg/utils/report/results.go, `addPodSecurityProperties`.
    pub(crate) fn properties(&self, resource: &Value, more: &[Control]) -> BTreeMap<String, String> {
        let Ok(pod) = pod_of(resource) else { return BTreeMap::new() };
        let found = self.violations(&pod, more);
        let mut controls: Vec<(&str, &str)> = Vec::new();
        for violation in &found {
            let control = (self.check_of(violation), violation.control);
            if !controls.contains(&control) {
                controls.push(control);
            }
        }
        if controls.is_empty() {
            return BTreeMap::new();
        }
        let mut images: Vec<String> = Vec::new();
        for container in pod.containers() {
            let image = Parts::parse(&container.image).map_or(container.image, |parts| parts.reference());
            if !images.contains(&image) {
                images.push(image);
            }
        }
        let images: Vec<String> = images.into_iter().map(|image| Value::String(image).to_string()).collect();
        let images = images.join(",");
        let written = controls.iter().map(|(id, name)| {
            let name = Value::String((*name).to_owned());
            format!("{{\"ID\":\"{id}\",\"Name\":{name},\"Images\":[{images}]}}")
        });
        let written: Vec<String> = written.collect();
        let ids: Vec<&str> = controls.iter().map(|(id, _)| *id).collect();
        let version = if self.version.is_empty() { "latest" } else { &self.version };
        [
            ("standard", self.level.clone()),
            ("version", version.to_owned()),
            ("controls", ids.join(",")),
            ("controlsJSON", format!("[{}]", written.join(","))),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }

    /// The check of Kubernetes that finds a violation.
    fn check_of(&self, violation: &Violation) -> &'static str {
        match violation.control {
            "AppArmor" => "appArmorProfile",
            "Capabilities" if violation.reason == "unrestricted capabilities" => "capabilities_restricted",
            "Capabilities" => "capabilities_baseline",
            "Host Namespaces" => "hostNamespaces",
            "HostPath Volumes" => "hostPathVolumes",
            "Host Ports" => "hostPorts",
            "Host Probes / Lifecycle Hooks" => "hostProbesAndHostLifecycle",
            "Privileged Containers" => "privileged",
            "/proc Mount Type" => "procMount",
            "SELinux" => "seLinuxOptions",
            "Seccomp" if self.restricted => "seccompProfile_restricted",
            "Seccomp" => "seccompProfile_baseline",
            "Sysctls" => "sysctls",
            "HostProcess" => "windowsHostProcess",
            "Volume Types" => "restrictedVolumes",
            "Privilege Escalation" => "allowPrivilegeEscalation",
            "Running as Non-root" => "runAsNonRoot",
            _ => "runAsUser",
        }
    }
}

/// The Pod of a resource, or of its template.
fn pod_of(resource: &Value) -> Result<Pod<'_>, String> {
    let kind = resource.get("kind").and_then(Value::as_str).unwrap_or_default();
    let route = match kind {
        "Pod" => "",
        "CronJob" => "/spec/jobTemplate/spec/template",
        "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" | "ReplicationController" | "Job" => "/spec/template",
        _ => return Err("Could not find correct resource type".to_owned()),
    };
    Ok(Pod(resource.pointer(route).unwrap_or(&Value::Null)))
}

/// A Pod or a Pod template.
struct Pod<'r>(&'r Value);

/// A container with where it stands.
struct Container<'r> {
    value: &'r Value,
    path: String,
    image: String,
}

const BASELINE_CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Kernel parameters that a Pod may set, with the minor version since which it may.
const SYSCTLS: [(&str, u32); 12] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
];

const VOLUME_TYPES: [&str; 8] =
    ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];

impl<'r> Pod<'r> {
    fn containers(&self) -> Vec<Container<'r>> {
        let mut found = Vec::new();
        for kind in ["containers", "initContainers", "ephemeralContainers"] {
            let items = self.0.pointer(&format!("/spec/{kind}")).and_then(Value::as_array).into_iter().flatten();
            for (index, value) in items.enumerate() {
                let image = value.get("image").and_then(Value::as_str).unwrap_or_default().to_owned();
                found.push(Container { value, path: format!("spec.{kind}[{index}]"), image });
            }
        }
        found
    }

    fn at(&self, pointer: &str) -> Option<&'r Value> {
        self.0.pointer(pointer).filter(|value| !value.is_null())
    }

    fn is_windows(&self, minor: u32) -> bool {
        minor >= 25 && self.at("/spec/os/name").and_then(Value::as_str) == Some("windows")
    }

    /// Reports a field of the Pod's and of the containers' `securityContext` where `forbidden` says so.
    fn each(
        &self,
        pod_too: bool,
        pointer: &str,
        control: &'static str,
        reason: &'static str,
        found: &mut Vec<Violation>,
        forbidden: impl Fn(&Value) -> bool,
    ) {
        let dotted = pointer.replace('/', ".");
        if let Some(value) = self.at(&format!("/spec{pointer}")).filter(|value| pod_too && forbidden(value)) {
            let field = format!("spec{dotted}");
            found.push(Violation { control, reason, field, value: Some(value.clone()), image: None });
        }
        for container in self.containers() {
            let value = container.value.pointer(pointer).filter(|value| !value.is_null() && forbidden(value));
            if let Some(value) = value {
                let field = format!("{}{dotted}", container.path);
                found.push(Violation {
                    control,
                    reason,
                    field,
                    value: Some(value.clone()),
                    image: Some(container.image),
                });
            }
        }
    }

    fn baseline(&self, minor: u32, found: &mut Vec<Violation>) {
        let is = |value: &Value, allowed: &[&str]| value.as_str().is_some_and(|text| allowed.contains(&text));
        let annotations = self.at("/metadata/annotations").and_then(Value::as_object).into_iter().flatten();
        for (key, value) in annotations {
            if key.starts_with("container.apparmor.security.beta.kubernetes.io/")
                && !value
                    .as_str()
                    .is_some_and(|text| text.is_empty() || text == "runtime/default" || text.starts_with("localhost/"))
            {
                let field = format!("metadata.annotations[{key}]");
                found.push(Violation {
                    control: "AppArmor",
                    reason: "forbidden AppArmor profiles",
                    field,
                    value: Some(value.clone()),
                    image: None,
                });
            }
        }
        self.each(
            true,
            "/securityContext/appArmorProfile/type",
            "AppArmor",
            "forbidden AppArmor profile",
            found,
            |value| !is(value, &["RuntimeDefault", "Localhost"]),
        );
        self.capabilities(&BASELINE_CAPABILITIES, "non-default capabilities", found);
        for key in ["hostNetwork", "hostPID", "hostIPC"] {
            if self.at(&format!("/spec/{key}")) == Some(&Value::Bool(true)) {
                let field = format!("spec.{key}");
                found.push(Violation {
                    control: "Host Namespaces",
                    reason: "host namespaces",
                    field,
                    value: Some(Value::Bool(true)),
                    image: None,
                });
            }
        }
        let volumes = self.at("/spec/volumes").and_then(Value::as_array).into_iter().flatten();
        for (index, volume) in volumes.enumerate() {
            if let Some(value) = volume.get("hostPath").filter(|value| !value.is_null()) {
                let field = format!("spec.volumes[{index}].hostPath");
                // What an exclusion names is the path.
                let value = value.get("path").unwrap_or(value);
                found.push(Violation {
                    control: "HostPath Volumes",
                    reason: "hostPath volumes",
                    field,
                    value: Some(value.clone()),
                    image: None,
                });
            }
        }
        for container in self.containers() {
            let ports = container.value.get("ports").and_then(Value::as_array).into_iter().flatten();
            for (index, port) in ports.enumerate() {
                if let Some(value) = port.get("hostPort").filter(|value| !value.is_null() && value.as_i64() != Some(0))
                {
                    let field = format!("{}.ports[{index}].hostPort", container.path);
                    let image = Some(container.image.clone());
                    found.push(Violation {
                        control: "Host Ports",
                        reason: "hostPort",
                        field,
                        value: Some(value.clone()),
                        image,
                    });
                }
            }
        }
        if minor >= 34 {
            self.host_probes(found);
        }
        self.each(false, "/securityContext/privileged", "Privileged Containers", "privileged", found, |value| {
            value == &Value::Bool(true)
        });
        self.each(false, "/securityContext/procMount", "/proc Mount Type", "procMount", found, |value| {
            !is(value, &["Default", ""])
        });
        let engine = minor >= 31;
        self.each(true, "/securityContext/seLinuxOptions/type", "SELinux", "seLinuxOptions", found, |value| {
            !(is(value, &["", "container_t", "container_init_t", "container_kvm_t"])
                || (engine && is(value, &["container_engine_t"])))
        });
        for pointer in ["/securityContext/seLinuxOptions/user", "/securityContext/seLinuxOptions/role"] {
            self.each(true, pointer, "SELinux", "seLinuxOptions", found, |value| !is(value, &[""]));
        }
        if minor >= 19 {
            self.each(true, "/securityContext/seccompProfile/type", "Seccomp", "seccompProfile", found, |value| {
                !is(value, &["RuntimeDefault", "Localhost"])
            });
        }
        let sysctls = self.at("/spec/securityContext/sysctls").and_then(Value::as_array).into_iter().flatten();
        for (index, sysctl) in sysctls.enumerate() {
            let name = sysctl.get("name").and_then(Value::as_str).unwrap_or_default();
            if !SYSCTLS.iter().any(|(known, since)| *known == name && minor >= *since) {
                let field = format!("spec.securityContext.sysctls[{index}].name");
                let value = Some(Value::String(name.to_owned()));
                found.push(Violation { control: "Sysctls", reason: "forbidden sysctls", field, value, image: None });
            }
        }
        self.each(true, "/securityContext/windowsOptions/hostProcess", "HostProcess", "hostProcess", found, |value| {
            value == &Value::Bool(true)
        });
    }

    fn capabilities(&self, allowed: &[&str], reason: &'static str, found: &mut Vec<Violation>) {
        for container in self.containers() {
            let added = container
                .value
                .pointer("/securityContext/capabilities/add")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let wrong: Vec<Value> =
                added.filter(|added| !added.as_str().is_some_and(|name| allowed.contains(&name))).cloned().collect();
            if !wrong.is_empty() {
                let field = format!("{}.securityContext.capabilities.add", container.path);
                let (value, image) = (Some(Value::Array(wrong)), Some(container.image));
                found.push(Violation { control: "Capabilities", reason, field, value, image });
            }
        }
    }

    /// Probes and hooks that name a host (since 1.34).
    fn host_probes(&self, found: &mut Vec<Violation>) {
        for container in self.containers() {
            for probe in ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle/postStart", "lifecycle/preStop"]
            {
                for action in ["httpGet", "tcpSocket"] {
                    let value = container.value.pointer(&format!("/{probe}/{action}/host"));
                    if let Some(value) = value.filter(|value| value.as_str().is_some_and(|host| !host.is_empty())) {
                        let field = format!("{}.{}.{action}.host", container.path, probe.replace('/', "."));
                        let image = Some(container.image.clone());
                        let (control, reason) = ("Host Probes / Lifecycle Hooks", "probe or lifecycle host");
                        found.push(Violation { control, reason, field, value: Some(value.clone()), image });
                    }
                }
            }
        }
    }

    fn restricted(&self, minor: u32, found: &mut Vec<Violation>) {
        let windows = self.is_windows(minor);
        let volumes = self.at("/spec/volumes").and_then(Value::as_array).into_iter().flatten();
        for (index, volume) in volumes.enumerate() {
            let kind = volume.as_object().into_iter().flatten().find(|(key, value)| *key != "name" && !value.is_null());
            if let Some((kind, value)) = kind.filter(|(kind, _)| !VOLUME_TYPES.contains(&kind.as_str())) {
                let field = format!("spec.volumes[{index}].{kind}");
                found.push(Violation {
                    control: "Volume Types",
                    reason: "restricted volume types",
                    field,
                    value: Some(value.clone()),
                    image: None,
                });
            }
        }
        let field_of = |container: &Container<'_>, end: &str| format!("{}.securityContext.{end}", container.path);
        if minor >= 8 && !windows {
            for container in self.containers() {
                let value = container.value.pointer("/securityContext/allowPrivilegeEscalation");
                if value != Some(&Value::Bool(false)) {
                    let field = field_of(&container, "allowPrivilegeEscalation");
                    let (control, reason) = ("Privilege Escalation", "allowPrivilegeEscalation != false");
                    found.push(Violation {
                        control,
                        reason,
                        field,
                        value: value.cloned(),
                        image: Some(container.image),
                    });
                }
            }
        }
        if minor >= 22 && !windows {
            for container in self.containers() {
                let dropped = container.value.pointer("/securityContext/capabilities/drop");
                if !dropped.and_then(Value::as_array).into_iter().flatten().any(|name| name.as_str() == Some("ALL")) {
                    let field = field_of(&container, "capabilities.drop");
                    let (control, reason) = ("Capabilities", "unrestricted capabilities");
                    found.push(Violation {
                        control,
                        reason,
                        field,
                        value: dropped.cloned(),
                        image: Some(container.image),
                    });
                }
            }
            self.capabilities(&["NET_BIND_SERVICE"], "unrestricted capabilities", found);
        }
        let non_root = self.at("/spec/securityContext/runAsNonRoot");
        if non_root == Some(&Value::Bool(false)) {
            let field = "spec.securityContext.runAsNonRoot".to_owned();
            let (control, reason) = ("Running as Non-root", "runAsNonRoot != true");
            found.push(Violation { control, reason, field, value: non_root.cloned(), image: None });
        }
        for container in self.containers() {
            let own = container.value.pointer("/securityContext/runAsNonRoot").filter(|value| !value.is_null());
            if own == Some(&Value::Bool(false)) || (own.is_none() && non_root != Some(&Value::Bool(true))) {
                let field = field_of(&container, "runAsNonRoot");
                let (control, reason) = ("Running as Non-root", "runAsNonRoot != true");
                found.push(Violation { control, reason, field, value: own.cloned(), image: Some(container.image) });
            }
        }
        if minor >= 23 {
            self.each(true, "/securityContext/runAsUser", "Running as Non-root user", "runAsUser=0", found, |value| {
                value.as_i64() == Some(0)
            });
        }
        if minor >= 19 && !windows {
            let pod = self.at("/spec/securityContext/seccompProfile/type");
            for container in self.containers() {
                let own =
                    container.value.pointer("/securityContext/seccompProfile/type").filter(|value| !value.is_null());
                if own.is_none() && pod.is_none() {
                    let field = field_of(&container, "seccompProfile.type");
                    found.push(Violation {
                        control: "Seccomp",
                        reason: "seccompProfile",
                        field,
                        value: None,
                        image: Some(container.image),
                    });
                }
            }
        }
    }
}
