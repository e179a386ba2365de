package manifests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	security "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

func TestDecodingIsStrict(t *testing.T) {
	good := "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {clusterIP: None}\n"
	if _, err := decode([]byte(good)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{
		strings.Replace(good, "clusterIP", "clusterIp", 1),
		good + "status: {}\nstatus: {}\n",
		strings.Replace(good, "v1", "v2", 1),
	} {
		if _, err := decode([]byte(bad)); err == nil {
			t.Errorf("was taken:\n%s", bad)
		}
	}
}

func TestThePodIsRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		t.Fatal(err)
	}
	level := security.LevelVersion{Level: security.LevelRestricted, Version: security.LatestVersion()}
	for _, choice := range choices {
		pod := build(t, choice...).deployment.Spec.Template
		for _, result := range evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec) {
			if !result.Allowed {
				t.Errorf("%v: %s: %s", choice, result.ForbiddenReason, result.ForbiddenDetail)
			}
		}
		pod.Spec.Containers[0].SecurityContext = nil
		if policy.AggregateCheckResults(evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec)).Allowed {
			t.Error("without a security context it is restricted, too")
		}
	}
}

func TestThePartsFindEachOther(t *testing.T) {
	for _, choice := range choices {
		all := build(t, choice...)
		pod := all.deployment.Spec.Template
		budget, err := meta.LabelSelectorAsSelector(all.budget.Spec.Selector)
		if err != nil {
			t.Fatal(err)
		}
		own, err := meta.LabelSelectorAsSelector(all.deployment.Spec.Selector)
		if err != nil {
			t.Fatal(err)
		}
		service := labels.SelectorFromSet(all.service.Spec.Selector)
		for _, selector := range []labels.Selector{budget, own, service} {
			if selector.Empty() || !selector.Matches(labels.Set(pod.Labels)) {
				t.Errorf("%v: %v does not select the pods", choice, selector)
			}
		}
		if all.service.Spec.ClusterIP != core.ClusterIPNone {
			t.Errorf("%v: the Service is not headless", choice)
		}
		mounts := map[string]bool{}
		for _, mount := range container(t, all).VolumeMounts {
			mounts[mount.Name] = true
		}
		for _, volume := range pod.Spec.Volumes {
			if !mounts[volume.Name] {
				t.Errorf("%v: the volume %s is not mounted", choice, volume.Name)
			}
			if volume.ConfigMap != nil && volume.ConfigMap.Name != all.settings.Name {
				t.Errorf("%v: the pod's ConfigMap is %s, not %s", choice, volume.ConfigMap.Name, all.settings.Name)
			}
		}
	}
}

func TestTheNumbersFollowFromTheSettings(t *testing.T) {
	all := build(t)
	set := settings(t, all)
	one := container(t, all)
	delay, timeout := duration(t, set["drain-delay"]), duration(t, set["drain-timeout"])
	grace := time.Duration(*all.deployment.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
	if grace != timeout+5*time.Second {
		t.Errorf("the grace is %v, expected 5 s more than the drain's timeout of %v", grace, timeout)
	}
	if age := duration(t, set["max-connection-age"]); age*11/10 >= timeout-delay {
		t.Errorf("connections of %v outlive the drain", age)
	}
	budget := bytesOf(t, set["max-in-flight-bytes"])
	if memory := one.Resources.Limits.Memory().Value(); memory != 2*budget+256<<20 {
		t.Errorf("the memory is %d, expected twice %d and 256 MiB", memory, budget)
	}
	ports := map[string]string{}
	for _, port := range one.Ports {
		ports[port.Name] = fmt.Sprintf("0.0.0.0:%d", port.ContainerPort)
	}
	if ports["grpc"] != set["listen"] || ports["metrics"] != set["metrics-listen"] {
		t.Errorf("the ports are %v, lossd's are %s and %s", ports, set["listen"], set["metrics-listen"])
	}
	if port := one.ReadinessProbe.GRPC.Port; fmt.Sprintf("0.0.0.0:%d", port) != set["listen"] {
		t.Errorf("the probe asks port %d", port)
	}
	version := regexp.MustCompile(`\n  VERSION (\S+)\n`).FindSubmatch(read(t, "CMakeLists.txt"))[1]
	if one.Image != "lossd:"+string(version) {
		t.Errorf("the image is %s, the version %s", one.Image, version)
	}
}

func TestTheMonitorFindsTheService(t *testing.T) {
	all := build(t, "monitor")
	if len(all.deployment.Spec.Template.Annotations) != 0 {
		t.Errorf("a ServiceMonitor and annotations: it is scraped twice")
	}
	monitored, err := meta.LabelSelectorAsSelector(&all.monitor.Spec.Selector)
	if err != nil || !monitored.Matches(labels.Set(all.service.Labels)) {
		t.Errorf("the ServiceMonitor does not select the Service: %v", err)
	}
	if all.service.Labels[all.monitor.Spec.JobLabel] != "lossd" {
		t.Errorf("the alerts ask for the job lossd")
	}
	found := false
	for _, port := range all.service.Spec.Ports {
		found = found || port.Name == all.monitor.Spec.Endpoints[0].Port
	}
	if !found {
		t.Errorf("the Service has no port %s", all.monitor.Spec.Endpoints[0].Port)
	}
}

func TestTheSecretsArrive(t *testing.T) {
	all := build(t, "tls", "tokens")
	one := container(t, all)
	for name, probe := range map[string]*core.Probe{
		"startup": one.StartupProbe, "readiness": one.ReadinessProbe, "liveness": one.LivenessProbe,
	} {
		if probe.GRPC != nil || probe.HTTPGet == nil {
			t.Errorf("%s: with TLS the probe must not speak plain gRPC", name)
		}
	}
	paths := map[string]bool{}
	for _, volume := range all.deployment.Spec.Template.Spec.Volumes {
		if volume.Secret == nil {
			continue
		}
		if mode := *volume.Secret.DefaultMode; mode != 0o440 {
			t.Errorf("%s is readable by %o", volume.Secret.SecretName, mode)
		}
		for _, mount := range one.VolumeMounts {
			if mount.Name == volume.Name {
				paths[mount.MountPath] = true
			}
		}
	}
	help, err := exec.Command(os.Getenv("LOSSD_BINARY"), "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	if len(one.Env) != 3 {
		t.Errorf("%d variables, expected certificate, key and tokens", len(one.Env))
	}
	for _, variable := range one.Env {
		if !strings.Contains(string(help), variable.Name) {
			t.Errorf("lossd does not know %s", variable.Name)
		}
		if !paths[filepath.Dir(variable.Value)] {
			t.Errorf("no Secret is mounted at %s", variable.Value)
		}
	}
}

func TestTheOverlayHasAllComponents(t *testing.T) {
	all, err := kustomize(t, overlay(t, []string{"tls", "tokens", "monitor"})).AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	secured, err := kustomize(t, filepath.Join(root, "docker/k8s/secured")).AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	if string(all) != string(secured) {
		t.Errorf("it makes\n%s\nexpected\n%s", secured, all)
	}
}
