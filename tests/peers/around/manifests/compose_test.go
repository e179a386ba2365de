package manifests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/loader"
	"github.com/compose-spec/compose-go/types"
)

// load reads a file as docker compose does: by the schema of the Compose specification, and then some.
func load(text []byte) (*types.Project, error) {
	folder, err := filepath.Abs(filepath.Join(root, "docker"))
	if err != nil {
		return nil, err
	}
	return loader.Load(types.ConfigDetails{
		WorkingDir:  folder,
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: text}},
	})
}

func TestComposeIsStrict(t *testing.T) {
	text := string(read(t, "docker/compose.yaml"))
	for _, bad := range []string{
		strings.Replace(text, "stop_grace_period", "stop_grace", 1),
		strings.Replace(text, "depends_on: [prometheus]", "depends_on: [nobody]", 1),
		strings.Replace(text, "stop_grace_period: 30s", "stop_grace_period: [30]", 1),
	} {
		if _, err := load([]byte(bad)); err == nil || bad == text {
			t.Errorf("was taken:\n%s", bad)
		}
	}
}

func TestTheComposeFile(t *testing.T) {
	project, err := load(read(t, "docker/compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	replicas := 0
	for _, service := range project.Services {
		// Images are named as one says them, without a registry's host.
		if host := strings.Split(service.Image, "/")[0]; strings.ContainsAny(host, ".") && strings.Contains(service.Image, "/") {
			t.Errorf("%s names the host %s", service.Name, host)
		}
		for _, volume := range service.Volumes {
			if volume.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil {
				t.Errorf("%s: %v", service.Name, err)
			}
		}
		if service.Image != "lossd" {
			continue
		}
		replicas++
		if _, err := os.Stat(filepath.Join(service.Build.Context, service.Build.Dockerfile)); err != nil {
			t.Errorf("%s: %v", service.Name, err)
		}
		if !service.ReadOnly || len(service.CapDrop) != 1 || service.CapDrop[0] != "ALL" {
			t.Errorf("%s is not closed", service.Name)
		}
		budget := bytesOf(t, *service.Environment["LOSSD_MAX_IN_FLIGHT_BYTES"])
		if int64(service.MemLimit) != 2*budget+256<<20 {
			t.Errorf("%s: the memory is %d, expected twice %d and 256 MiB", service.Name, service.MemLimit, budget)
		}
	}
	if replicas != 3 {
		t.Errorf("%d lossd", replicas)
	}
	names := regexp.MustCompile(`lossd-\d+`)
	for _, file := range []string{"docker/compose/haproxy.cfg", "docker/compose/prometheus.yml"} {
		for _, name := range names.FindAllString(string(read(t, file)), -1) {
			if _, err := project.GetService(name); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}
