//! Kustomizations and Helm charts by the real renderer, which `WRIT_RENDERER` leads to, in a real cluster.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use writ::confine::hex;

use crate::machine::Ran;
use crate::place::Place;

fn settings(kind: &str, more: &str) -> String {
    let program = PathBuf::from(std::env::var_os("WRIT_RENDERER").expect("WRIT_RENDERER names the renderer"));
    let digest = hex(&Sha256::digest(fs::read(&program).unwrap()));
    format!(
        "[unit.renderer]\nkind = \"{kind}\"\nprogram = \"{}\"\ndigest = \"sha256:{digest}\"\n{more}",
        program.display()
    )
}

/// Commits files as all of the unit, in which `NS` is the namespace.
fn deploy(place: &Place, files: &[(&str, &str)]) {
    let files: Vec<(&str, String)> =
        files.iter().map(|(path, text)| (*path, text.replace("NS", &place.namespace))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    place.origin.deploy(&files);
}

const BASE: &str = "resources: [web.yaml]\n";
const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: box
          command: [sh, -c, 'sleep 1000']
          envFrom: [{configMapRef: {name: conf}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
";
const OVERLAY: &str = "\
resources: [../../base]
namePrefix: prod-
namespace: NS
labels: [{pairs: {stage: prod}, includeSelectors: true}]
images: [{name: box, newName: writ-test/box, newTag: '1'}]
replicas: [{name: web, count: 2}]
configMapGenerator: [{name: conf, files: [conf.ini], literals: [WORD=one]}]
patches:
  - target: {kind: Service}
    patch: |-
      - {op: replace, path: /spec/ports/0/port, value: 8080}
";

/// What `kubectl` makes of the same folder differs in nothing from what stands in the cluster.
#[track_caller]
fn is_as_kubectl_builds(place: &Place, folder: &str) {
    let folder = place.origin.repository.path().join("host").join(folder);
    let found = place.try_kubectl(&["diff", "-k", folder.to_str().unwrap()]);
    assert_eq!(found.as_deref(), Ok(""), "{found:?}");
}

#[test]
fn an_overlay_is_built_as_kubectl_builds_it_and_a_change_below_it_rolls_its_pods() {
    let place = Place::new(&settings("kustomize", "folder = \"overlays/prod\"\n"));
    let overlay = "overlays/prod/kustomization.yaml";
    let files = |text| {
        [
            ("base/kustomization.yaml", BASE),
            ("base/web.yaml", WEB),
            (overlay, text),
            ("overlays/prod/conf.ini", "a=1\n"),
        ]
    };
    place.kubectl(&["create", "namespace", &place.namespace]);
    deploy(&place, &files(OVERLAY));
    let first = place.pass();
    assert_eq!(first.code, Some(2), "{first:?}");
    is_as_kubectl_builds(&place, "overlays/prod");
    let version = place.version("deployment/prod-web");
    assert_eq!((place.pass().code, place.version("deployment/prod-web")), (Some(0), version));
    assert_eq!(place.object("deployment/prod-web").unwrap()["status"]["readyReplicas"], 2);

    let next = OVERLAY.replace("WORD=one", "WORD=two");
    deploy(&place, &files(&next));
    let plan = place.plan();
    assert!(plan.text.contains("configmap/") && plan.text.contains("/prod-web"), "{plan:?}");
    assert_eq!(place.pass().code, Some(2));
    is_as_kubectl_builds(&place, "overlays/prod");
    let maps = place.kubectl(&["get", "configmap", "-l", "stage=prod", "-o", "name"]);
    assert_eq!(maps.lines().count(), 1, "the one of before is gone: {maps}");
}

/// Says what is refused; nothing is made.
fn refused(place: &Place) -> Ran {
    let ran = place.pass();
    assert_eq!(ran.code, Some(3), "{ran:?}");
    ran
}

#[test]
fn a_base_from_elsewhere_is_refused_by_name_and_one_of_the_repository_is_not() {
    let place = Place::new(&settings("kustomize", ""));
    for remote in ["https://git.example/team/base?ref=v1", "github.com/team/base", "../outside"] {
        deploy(&place, &[("kustomization.yaml", &format!("resources: [{remote:?}]\n"))]);
        let told = refused(&place);
        assert!(told.text.contains("kustomization.yaml") && told.text.contains(remote), "{told:?}");
        assert!(told.text.contains("copy it into the repository"), "{told:?}");
    }
    let own = [
        ("kustomization.yaml", "namespace: NS\nresources: [base]\n"),
        ("base/kustomization.yaml", "resources: [map.yaml]\n"),
        ("base/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\n"),
    ];
    place.kubectl(&["create", "namespace", &place.namespace]);
    deploy(&place, &own);
    let taken = place.pass();
    assert!(taken.code == Some(2) && place.object("configmap/map").is_some(), "{taken:?}");
}

const CHART: &str = "apiVersion: v2\nname: shop\nversion: 1.0.0\n";
const TEMPLATE: &str = "\
{{- range .Values.shelves }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $.Release.Name }}-{{ . }}
data:
  in: {{ $.Release.Namespace | quote }}
  word: {{ include \"shop.word\" $ | quote }}
{{- end }}
";
const HELPERS: &str = "{{- define \"shop.word\" }}{{ .Values.word | upper }}{{ end -}}\n";
const ROLE: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: {{ .Release.Name }}}
rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]
";
const TESTED: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: tested, annotations: {helm.sh/hook: test}}
spec: {containers: [{name: a, image: 'writ-test/box:1'}]}
";

fn chart(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let all = [
        ("chart/Chart.yaml", CHART),
        ("chart/values.yaml", "word: none\nshelves: [a]\n"),
        ("chart/templates/_helpers.tpl", HELPERS),
        ("chart/templates/maps.yaml", TEMPLATE),
        ("chart/templates/role.yaml", ROLE),
        ("chart/templates/NOTES.txt", "Thanks for {{ .Values.word }}.\n"),
        ("chart/templates/tests/tested.yaml", TESTED),
        ("prod.yaml", "word: wide\nshelves: [a, b]\n"),
    ];
    all.iter().chain(more).copied().collect()
}

fn chart_place() -> Place {
    let place = Place::new("");
    let of_chart = format!(
        "folder = \"chart\"\nrelease = \"books\"\nnamespace = \"{}\"\nvalues = [\"prod.yaml\"]\n",
        place.namespace
    );
    let path = place.machine.path("agent.toml");
    let written = fs::read_to_string(&path).unwrap();
    fs::write(path, written + &settings("helm", &of_chart)).unwrap();
    // The namespace of a release is there already, as for `helm install` without a word more.
    place.kubectl(&["create", "namespace", &place.namespace]);
    place
}

#[test]
fn a_chart_is_rendered_with_its_values_into_the_namespace_of_its_release() {
    let place = chart_place();
    deploy(&place, &chart(&[]));
    let first = place.pass();
    assert_eq!(first.code, Some(2), "{first:?}");
    for shelf in ["books-a", "books-b"] {
        let found = place.object(&format!("configmap/{shelf}")).unwrap();
        assert_eq!(found["data"], serde_json::json!({"in": place.namespace, "word": "WIDE"}));
    }
    assert!(place.object("role/books").is_some());
    assert!(place.object("pod/tested").is_none(), "a test of the chart is run by `helm test` alone");
    let version = place.version("configmap/books-a");
    assert_eq!((place.pass().code, place.version("configmap/books-a")), (Some(0), version));
}

#[test]
fn a_chart_that_is_another_one_each_time_or_needs_what_is_not_there_is_refused() {
    let place = chart_place();
    let map =
        |value: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata:\n  secret: {value}\n");
    let hook = map("a").replace("{name: x}", "{name: x, annotations: {helm.sh/hook: pre-install}}");
    let needs =
        format!("{CHART}dependencies: [{{name: base, version: 1.0.0, repository: 'https://charts.example'}}]\n");
    for (path, text, told) in [
        (
            "chart/templates/x.yaml",
            map("{{ randAlphaNum 9 }}"),
            "to something else each time (first at `secret` in shop/templates/x.yaml)",
        ),
        ("chart/templates/x.yaml", map("{{ now | unixEpoch | quote }}"), "to something else each time"),
        ("chart/templates/x.yaml", hook, "a hook of pre-install, and hooks are not run"),
        ("chart/templates/x.yaml", map("{{ .Values.none.such }}"), "nil pointer"),
        ("chart/Chart.yaml", needs, "depends on base, which is not in its folder charts/"),
    ] {
        let mut files = chart(&[]);
        files.retain(|(other, _)| *other != path);
        files.push((path, &text));
        deploy(&place, &files);
        let ran = refused(&place);
        assert!(ran.text.contains("chart/Chart.yaml") && ran.text.contains(told), "{told}: {ran:?}");
    }
    deploy(&place, &chart(&[("chart/templates/x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: now}\n")]));
    assert_eq!(place.pass().code, Some(2), "a name that only sounds like the time of day");
}

/// What a renderer is tried with is in no folder of this machine.
#[test]
fn check_renders_as_the_unit_does() {
    let place = chart_place();
    deploy(&place, &chart(&[]));
    let folder = place.origin.repository.path().join("host");
    let check = |path: &Path| place.machine.writ(&["check", path.to_str().unwrap(), "--unit", "edge"]);
    let sound = check(&folder);
    assert!(sound.code == Some(0) && sound.text.contains("3 objects, nothing wrong"), "{sound:?}");
    fs::write(folder.join("chart/templates/maps.yaml"), "kind: {{ .Values.").unwrap();
    let broken = check(&folder);
    assert!(broken.code == Some(1) && broken.text.contains("chart/Chart.yaml"), "{broken:?}");
}
