// Tests docker/k8s with Kubernetes' own types and docker/compose.yaml with Compose's own loader.
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

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	disruption "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const root = "../../../.."

// All that the base can be made with.
var choices = [][]string{{}, {"monitor"}, {"tls"}, {"tokens"}, {"tls", "tokens", "monitor"}}

// Objects are what kustomize makes of a folder.
type objects struct {
	deployment apps.Deployment
	service    core.Service
	budget     disruption.PodDisruptionBudget
	settings   core.ConfigMap
	monitor    *monitoring.ServiceMonitor
}

// decode reads one object as an API server with strict validation does: no field may be unknown or twice.
func decode(text []byte) (runtime.Object, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		apps.AddToScheme, core.AddToScheme, disruption.AddToScheme, monitoring.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	object, _, err := codecs.UniversalDeserializer().Decode(text, nil, nil)
	return object, err
}

// overlay writes a kustomization of the base and components of docker/k8s, and returns its folder.
func overlay(t *testing.T, components []string) string {
	t.Helper()
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	there, err := filepath.Abs(filepath.Join(root, "docker/k8s"))
	if err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Rel(folder, there)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("resources: [%s/base]\ncomponents:\n", path)
	for _, component := range components {
		text += fmt.Sprintf("- %s/components/%s\n", path, component)
	}
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// kustomize returns what it makes of a folder.
func kustomize(t *testing.T, folder string) resmap.ResMap {
	t.Helper()
	kustomizer := krusty.MakeKustomizer(krusty.MakeDefaultOptions())
	made, err := kustomizer.Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// build decodes what kustomize makes of the base with those components.
func build(t *testing.T, components ...string) objects {
	t.Helper()
	made := kustomize(t, overlay(t, components))
	var all objects
	for _, one := range made.Resources() {
		text, err := one.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		object, err := decode(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		switch object := object.(type) {
		case *apps.Deployment:
			all.deployment = *object
		case *core.Service:
			all.service = *object
		case *disruption.PodDisruptionBudget:
			all.budget = *object
		case *core.ConfigMap:
			all.settings = *object
		case *monitoring.ServiceMonitor:
			all.monitor = object
		default:
			t.Fatalf("unexpected:\n%s", text)
		}
	}
	return all
}

func container(t *testing.T, all objects) core.Container {
	t.Helper()
	containers := all.deployment.Spec.Template.Spec.Containers
	if len(containers) != 1 {
		t.Fatalf("%d containers, expected 1", len(containers))
	}
	return containers[0]
}

// settings returns what lossd makes of the ConfigMap's file and the container's environment.
func settings(t *testing.T, all objects) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "lossd.yaml")
	if err := os.WriteFile(file, []byte(all.settings.Data["lossd.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(os.Getenv("LOSSD_BINARY"), "--config", file, "--print-config")
	for _, variable := range container(t, all).Env {
		command.Env = append(command.Env, variable.Name+"="+variable.Value)
	}
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("lossd: %v: %s", err, said)
	}
	found := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^([a-z-]+): (.*?) +#`).FindAllStringSubmatch(string(said), -1) {
		found[line[1]] = strings.Trim(line[2], `[]"'`)
	}
	return found
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	found, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func bytesOf(t *testing.T, text string) int64 {
	t.Helper()
	quantity, err := resource.ParseQuantity(strings.TrimSuffix(text, "B"))
	if err != nil {
		t.Fatalf("%v: %v", text, err)
	}
	return quantity.Value()
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
