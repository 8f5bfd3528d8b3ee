import io.fabric8.kubeapitest.KubeAPIServer;
import io.fabric8.kubeapitest.KubeAPIServerConfigBuilder;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** An integration test as fabric8's kube-api-test is used for: an API server from binaries, and its client. */
public final class Suite {
  interface Test {
    void run(KubernetesClient client) throws Exception;
  }

  public static void main(String[] args) throws Exception {
    KubeAPIServer server = new KubeAPIServer(
        KubeAPIServerConfigBuilder.anAPIServerConfig()
            .withTestDir(Path.of(args[0]).toString())
            .withOfflineMode(true)
            .withWaitForEtcdHealthCheckOnStartup(true)
            .withApiServerFlag("--min-request-timeout", "1")
            .build());
    server.start();
    int failures = 0;
    try (KubernetesClient client =
        new KubernetesClientBuilder().withConfig(Config.fromKubeconfig(server.getKubeConfigYaml())).build()) {
      failures += report("writes and reads", client, Suite::writesAndReads);
      failures += report("hears of changes", client, Suite::hearsOfChanges);
      failures += report("serves what is defined", client, Suite::servesWhatIsDefined);
      failures += report("refuses what is wrong", client, Suite::refusesWhatIsWrong);
    } finally {
      server.stop();
    }
    System.exit(failures);
  }

  private static int report(String name, KubernetesClient client, Test test) {
    try {
      test.run(client);
      System.out.println("PASS " + name);
      return 0;
    } catch (Exception | AssertionError error) {
      System.out.println("FAIL " + name + ": " + error);
      return 1;
    }
  }

  private static ConfigMap configMap(String name) {
    return new ConfigMapBuilder().withNewMetadata().withName(name).withNamespace("default").endMetadata()
        .withData(Map.of("a", "b")).build();
  }

  private static void writesAndReads(KubernetesClient client) {
    client.resource(configMap("one")).create();
    check(client.configMaps().inNamespace("default").withName("one").get().getData().equals(Map.of("a", "b")));
    client.configMaps().inNamespace("default").withName("one").edit(map -> {
      map.getData().put("c", "d");
      return map;
    });
    check(client.configMaps().inNamespace("default").withName("one").get().getData().size() == 2);
    client.resource(configMap("one")).serverSideApply();
  }

  private static void hearsOfChanges(KubernetesClient client) throws Exception {
    CompletableFuture<String> heard = new CompletableFuture<>();
    var handler = new io.fabric8.kubernetes.client.informers.ResourceEventHandler<ConfigMap>() {
      @Override
      public void onAdd(ConfigMap map) {
        if (map.getMetadata().getName().equals("two")) heard.complete("added");
      }

      @Override
      public void onUpdate(ConfigMap old, ConfigMap map) {}

      @Override
      public void onDelete(ConfigMap map, boolean unknown) {}
    };
    try (var informer = client.configMaps().inNamespace("default").inform(handler)) {
      client.resource(configMap("two")).create();
      check(heard.get(10, TimeUnit.SECONDS).equals("added"));
    }
  }

  private static void servesWhatIsDefined(KubernetesClient client) throws Exception {
    String definition = """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: { name: cats.example.com }
        spec:
          group: example.com
          scope: Namespaced
          names: { plural: cats, kind: Cat }
          versions:
            - name: v1
              served: true
              storage: true
              schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
        """;
    var crd = client.apiextensions().v1().customResourceDefinitions().load(
        new java.io.ByteArrayInputStream(definition.getBytes())).create();
    client.resource(crd).waitUntilCondition(
        it -> it.getStatus() != null && it.getStatus().getConditions().stream()
            .anyMatch(each -> each.getType().equals("Established") && each.getStatus().equals("True")),
        10, TimeUnit.SECONDS);
    var cats = client.genericKubernetesResources("example.com/v1", "Cat").inNamespace("default");
    GenericKubernetesResource tom = new GenericKubernetesResource();
    tom.setApiVersion("example.com/v1");
    tom.setKind("Cat");
    tom.setMetadata(new io.fabric8.kubernetes.api.model.ObjectMetaBuilder().withName("tom").build());
    cats.resource(tom).create();
    check(cats.list().getItems().size() == 1);
  }

  private static void refusesWhatIsWrong(KubernetesClient client) {
    for (var wrong : List.of(configMap("Not_A_Name"), configMap("one"))) {
      try {
        client.resource(wrong).create();
        throw new AssertionError(wrong.getMetadata().getName() + " was taken");
      } catch (KubernetesClientException refusal) {
        check(refusal.getCode() == (wrong.getMetadata().getName().equals("one") ? 409 : 422));
      }
    }
  }

  private static void check(boolean holds) {
    if (!holds) throw new AssertionError("does not hold");
  }
}
