//! Where each known kind keeps its Pods and images.

/// A place in an object of some kind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// Route to a `PodSpec`.
    Pod(&'static str),
    /// Route to a text.
    Image(&'static str),
    /// Route to a Tekton `TaskSpec`.
    Task(&'static str),
    /// Route to an Argo `WorkflowSpec`.
    Workflow(&'static str),
}

use Place::{Image, Pod, Task, Workflow};

/// The places of a kind; `None` for one that is not known here.
pub(super) fn known(group: &str, kind: &str) -> Option<&'static [Place]> {
    Some(match (group, kind) {
        ("", "Pod") => &[Pod("/spec")],
        ("", "PodTemplate") => &[Pod("/template/spec")],
        ("", "ReplicationController")
        | ("apps" | "extensions", "Deployment" | "DaemonSet" | "ReplicaSet" | "StatefulSet")
        | ("batch", "Job") => &[Pod("/spec/template/spec")],
        ("batch", "CronJob") => &[Pod("/spec/jobTemplate/spec/template/spec")],
        // A rollout may also take its template from a Deployment (`workloadRef`), which is judged itself.
        ("argoproj.io", "Rollout") => &[Pod("/spec/template/spec")],
        ("argoproj.io", "Experiment") => &[Pod("/spec/templates/*/template/spec")],
        ("argoproj.io", "AnalysisTemplate" | "ClusterAnalysisTemplate" | "AnalysisRun") => {
            &[Pod("/spec/metrics/*/provider/job/spec/template/spec")]
        }
        ("argoproj.io", "Workflow" | "WorkflowTemplate" | "ClusterWorkflowTemplate") => &[Workflow("/spec")],
        ("argoproj.io", "CronWorkflow") => &[Workflow("/spec/workflowSpec")],
        ("tekton.dev", "Task" | "ClusterTask") => &[Task("/spec")],
        ("tekton.dev", "TaskRun") => &[Task("/spec/taskSpec")],
        ("tekton.dev", "Pipeline") => &[Task("/spec/tasks/*/taskSpec"), Task("/spec/finally/*/taskSpec")],
        ("tekton.dev", "PipelineRun") => {
            &[Task("/spec/pipelineSpec/tasks/*/taskSpec"), Task("/spec/pipelineSpec/finally/*/taskSpec")]
        }
        ("tekton.dev", "StepAction") => &[Image("/spec/image")],
        ("serving.knative.dev", "Service" | "Configuration") => &[Pod("/spec/template/spec")],
        ("serving.knative.dev", "Revision") => &[Pod("/spec")],
        ("kubevirt.io", "VirtualMachine" | "VirtualMachineInstanceReplicaSet") => &[
            Image("/spec/template/spec/volumes/*/containerDisk/image"),
            Image("/spec/template/spec/domain/firmware/kernelBoot/container/image"),
        ],
        ("kubevirt.io", "VirtualMachineInstance") => {
            &[Image("/spec/volumes/*/containerDisk/image"), Image("/spec/domain/firmware/kernelBoot/container/image")]
        }
        ("pool.kubevirt.io", "VirtualMachinePool") => &[
            Image("/spec/virtualMachineTemplate/spec/template/spec/volumes/*/containerDisk/image"),
            Image("/spec/virtualMachineTemplate/spec/template/spec/domain/firmware/kernelBoot/container/image"),
        ],
        _ => return None,
    })
}
