package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
)

// Of pods: what is there on the node that is tested.
var image = "busybox"
var webImage = "nginx"

func policyBudget(name string, labels map[string]string) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: policyv1.PodDisruptionBudgetSpec{MinAvailable: ptr(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{MatchLabels: labels}}}
}

func eviction(name string) *policyv1.Eviction {
	return &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func (l *lab) runningPod(ctx context.Context, name string, labels map[string]string, command ...string) (*corev1.Pod, error) {
	container := corev1.Container{Name: "c", Image: image, ImagePullPolicy: "IfNotPresent", Command: command, Stdin: true}
	if len(command) == 0 {
		container.Command = []string{"sh", "-c", "echo up; sleep infinity"}
	}
	return l.runningPodOf(ctx, name, labels, container)
}

func (l *lab) runningPodOf(ctx context.Context, name string, labels map[string]string, container corev1.Container) (*corev1.Pod, error) {
	pods := l.client.CoreV1().Pods(l.namespace)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Spec: corev1.PodSpec{TerminationGracePeriodSeconds: ptr(int64(0)), Containers: []corev1.Container{container}}}
	if _, err := pods.Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		return nil, err
	}
	var running *corev1.Pod
	return running, l.eventually(ctx, name+" runs", func() (err error) {
		if running, err = pods.Get(ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
		for _, condition := range running.Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("%s is %s: %+v", name, running.Status.Phase, running.Status.ContainerStatuses)
	})
}

type streamer func(l *lab, method string, at *url.URL) (remotecommand.Executor, error)

func overWebSocket(l *lab, _ string, at *url.URL) (remotecommand.Executor, error) {
	return remotecommand.NewWebSocketExecutor(l.json, http.MethodGet, at.String())
}

func overSPDY(l *lab, method string, at *url.URL) (remotecommand.Executor, error) {
	return remotecommand.NewSPDYExecutor(l.json, method, at)
}

// As kubectl does it: WebSocket first, SPDY when that is not understood.
func overEither(l *lab, method string, at *url.URL) (remotecommand.Executor, error) {
	first, err := overWebSocket(l, method, at)
	if err != nil {
		return nil, err
	}
	second, err := overSPDY(l, method, at)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(first, second, httpstream.IsUpgradeFailure)
}

func (l *lab) exec(ctx context.Context, over streamer, pod, stdin string, tty bool, command ...string) (stdout, stderr string, err error) {
	options := &corev1.PodExecOptions{Container: "c", Command: command, Stdin: stdin != "", Stdout: true, Stderr: !tty, TTY: tty}
	at := l.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(l.namespace).Name(pod).SubResource("exec").VersionedParams(options, scheme.ParameterCodec).URL()
	executor, err := over(l, http.MethodPost, at)
	if err != nil {
		return "", "", err
	}
	var out, errOut bytes.Buffer
	streams := remotecommand.StreamOptions{Stdout: &out, Tty: tty}
	if !tty {
		streams.Stderr = &errOut
	} else {
		streams.TerminalSizeQueue = &sizes{{Width: 100, Height: 40}}
	}
	if stdin != "" {
		streams.Stdin = strings.NewReader(stdin)
	}
	err = executor.StreamWithContext(ctx, streams)
	return out.String(), errOut.String(), err
}

type sizes []remotecommand.TerminalSize

func (s *sizes) Next() *remotecommand.TerminalSize {
	if len(*s) == 0 {
		return nil
	}
	next := (*s)[0]
	*s = (*s)[1:]
	return &next
}

func execScenario(over streamer) func(context.Context, *lab) error {
	return func(ctx context.Context, l *lab) error {
		if _, err := l.runningPod(ctx, "exec", nil); err != nil {
			return err
		}
		stdout, _, err := l.exec(ctx, over, "exec", "", false, "sh", "-c", "echo one; exit 7")
		var code exec.CodeExitError
		if !errors.As(err, &code) || code.Code != 7 || stdout != "one\n" {
			return fmt.Errorf("exit 7: %q %v", stdout, err)
		}
		// Large enough for many frames in both directions.
		large := strings.Repeat("0123456789abcdef", 1<<16)
		if stdout, _, err = l.exec(ctx, over, "exec", large, false, "cat"); err != nil || stdout != large {
			return fmt.Errorf("%d of %d bytes came back: %v", len(stdout), len(large), err)
		}
		if stdout, _, err = l.exec(ctx, over, "exec", "", true, "sh", "-c", "echo terminal"); err != nil || strings.TrimSpace(stdout) != "terminal" {
			return fmt.Errorf("terminal: %q %v", stdout, err)
		}
		_, _, err = l.exec(ctx, over, "none", "", false, "true")
		if err == nil || !strings.Contains(err.Error(), `pods "none" not found`) {
			return fmt.Errorf("a pod that is not there: %v", err)
		}
		return nil
	}
}

func attachScenario(over streamer) func(context.Context, *lab) error {
	return func(ctx context.Context, l *lab) error {
		if _, err := l.runningPod(ctx, "attach", nil, "cat"); err != nil {
			return err
		}
		options := &corev1.PodAttachOptions{Container: "c", Stdin: true, Stdout: true, Stderr: true}
		at := l.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(l.namespace).Name("attach").SubResource("attach").VersionedParams(options, scheme.ParameterCodec).URL()
		executor, err := over(l, http.MethodPost, at)
		if err != nil {
			return err
		}
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		input, typing := io.Pipe()
		read, output := io.Pipe()
		done := make(chan error, 1)
		go func() {
			done <- executor.StreamWithContext(inner, remotecommand.StreamOptions{Stdin: input, Stdout: output, Stderr: io.Discard})
		}()
		go func() { _, _ = io.WriteString(typing, "hello\n") }()
		line := make([]byte, 6)
		if err := within(5*time.Second, func() error { _, err := io.ReadFull(read, line); return err }); err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		cancel()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			return fmt.Errorf("the stream does not end with its context")
		}
		return must("line", string(line), "hello\n")
	}
}

func within(limit time.Duration, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		return fmt.Errorf("took longer than %s", limit)
	}
}

func portForwardScenario(tunnel bool) func(context.Context, *lab) error {
	return func(ctx context.Context, l *lab) error {
		container := corev1.Container{Name: "c", Image: webImage, ImagePullPolicy: "IfNotPresent"}
		if _, err := l.runningPodOf(ctx, "web", nil, container); err != nil {
			return err
		}
		at := l.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(l.namespace).Name("web").SubResource("portforward").URL()
		var dialer httpstream.Dialer
		if tunnel {
			var err error
			if dialer, err = portforward.NewSPDYOverWebsocketDialer(at, l.json); err != nil {
				return err
			}
		} else {
			transport, upgrader, err := spdy.RoundTripperFor(l.json)
			if err != nil {
				return err
			}
			dialer = spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, at)
		}
		stop, ready := make(chan struct{}), make(chan struct{})
		forwarder, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{"0:80"}, stop, ready, io.Discard, io.Discard)
		if err != nil {
			return err
		}
		done := make(chan error, 1)
		go func() { done <- forwarder.ForwardPorts() }()
		select {
		case <-ready:
		case err := <-done:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
		ports, err := forwarder.GetPorts()
		if err != nil {
			return err
		}
		// Several connections at once, each with several requests.
		errs := make(chan error, 10)
		for range 10 {
			go func() {
				client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
				defer client.CloseIdleConnections()
				for range 3 {
					response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/", ports[0].Local))
					if err != nil {
						errs <- err
						return
					}
					body, err := io.ReadAll(response.Body)
					response.Body.Close()
					if err != nil || response.StatusCode != 200 || len(body) == 0 {
						errs <- fmt.Errorf("%d %q %w", response.StatusCode, body, err)
						return
					}
				}
				errs <- nil
			}()
		}
		for range 10 {
			if err := <-errs; err != nil {
				return err
			}
		}
		close(stop)
		select {
		case err := <-done:
			return err
		case <-time.After(5 * time.Second):
			return fmt.Errorf("forwarding does not end")
		}
	}
}

func logsScenario(ctx context.Context, l *lab) error {
	if _, err := l.runningPod(ctx, "logs", nil, "sh", "-c", "echo 1; sleep 1; echo 2; sleep 1; echo 3; sleep infinity"); err != nil {
		return err
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := l.client.CoreV1().Pods(l.namespace).GetLogs("logs", &corev1.PodLogOptions{Follow: true, Timestamps: true}).Stream(inner)
	if err != nil {
		return err
	}
	defer stream.Close()
	var text bytes.Buffer
	if err := within(15*time.Second, func() error {
		buffer := make([]byte, 4096)
		for strings.Count(text.String(), "\n") < 3 {
			n, err := stream.Read(buffer)
			text.Write(buffer[:n])
			if err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return fmt.Errorf("%w after %q", err, text.String())
	}
	for index, line := range strings.Split(strings.TrimSpace(text.String()), "\n") {
		at, said, _ := strings.Cut(line, " ")
		if _, err := time.Parse(time.RFC3339Nano, at); err != nil || said != fmt.Sprint(index+1) {
			return fmt.Errorf("line %q: %w", line, err)
		}
	}
	tail, err := l.client.CoreV1().Pods(l.namespace).GetLogs("logs", &corev1.PodLogOptions{TailLines: ptr(int64(1))}).DoRaw(ctx)
	if err != nil {
		return err
	}
	return must("last line", string(tail), "3\n")
}

// As kubectl cp does: tar at both ends.
func copyScenario(ctx context.Context, l *lab) error {
	if _, err := l.runningPod(ctx, "copy", nil); err != nil {
		return err
	}
	content := strings.Repeat("copied\n", 100_000)
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	if err := writer.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: int64(len(content))}); err != nil {
		return err
	}
	if _, err := io.WriteString(writer, content); err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	for _, over := range []streamer{overWebSocket, overSPDY} {
		if _, stderr, err := l.exec(ctx, over, "copy", archive.String(), false, "tar", "-xf", "-", "-C", "/tmp"); err != nil {
			return fmt.Errorf("in: %s %w", stderr, err)
		}
		out, stderr, err := l.exec(ctx, over, "copy", "", false, "tar", "-cf", "-", "-C", "/tmp", "file")
		if err != nil {
			return fmt.Errorf("out: %s %w", stderr, err)
		}
		reader := tar.NewReader(strings.NewReader(out))
		if _, err := reader.Next(); err != nil {
			return err
		}
		back, err := io.ReadAll(reader)
		if err != nil || string(back) != content {
			return fmt.Errorf("%d of %d bytes came back: %w", len(back), len(content), err)
		}
	}
	return nil
}
