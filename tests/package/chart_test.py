#!/usr/bin/env python3
"""The Helm chart: rendered with what of Go's templates it uses (below), its objects looked at; by `helm lint` and `helm template` too where
there is a helm."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import yaml
except ImportError:
    yaml = None

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/offerstream"
ENGINE = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else ROOT / "build/release/offerstream"
TOKEN = re.compile(r"(\s*)\{\{-\s*(.*?)\s*-?\}\}|\{\{\s*(.*?)\s*\}\}", re.S)
WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


class Failed(Exception):
    """The template's own refusal."""


class Renderer:
    """if, else, with, range over a map, define, include; pipelines of quote, default, toYaml, nindent; .Files.Get. Anything else is an
    error here, so that the chart stays within what this test understands."""

    def __init__(self, values):
        self.values, self.defines = values, {}
        self.parse((CHART / "templates/_helpers.tpl").read_text())

    def parse(self, text):
        """A tree: texts, (expression,), and [word, expression, body, otherwise]."""
        at, root = 0, []
        stack = [root]
        for token in TOKEN.finditer(text):
            stack[-1].append(text[at:token.start()])
            at = token.end()
            code = token.group(2) if token.group(2) is not None else token.group(3)
            if token.group(2) is None:
                pass
            elif token.group(0).rstrip("}").endswith("-"):   # -}} takes the white space behind it
                at = re.compile(r"\s*").match(text, at).end()
            word = code.split()[0]
            if word in ("if", "with", "range", "define"):
                node = [word, code[len(word):].strip(), [], []]
                stack[-1].append(node)
                stack += [node, node[2]]
            elif word == "else":
                stack.pop()
                stack.append(stack[-1][3])
            elif word == "end":
                stack.pop()
                node = stack.pop()
                if node[0] == "define":
                    self.defines[json.loads(node[1])] = node[2]
            else:
                stack[-1].append((code,))
        stack[-1].append(text[at:])
        assert len(stack) == 1, "a block is not ended"
        return root

    def look(self, path, dot, names):
        value = names[path.split(".")[0]] if path.startswith("$") and len(path) > 1 and path.split(".")[0] in names else dot
        for key in path.split(".")[1:]:
            if key:
                value = value[key]   # a KeyError: the chart names a value that values.yaml has not
        return value

    def value(self, expression, dot, names):
        result, first = None, True
        for stage in re.split(r"\s\|\s", expression):
            words = [(json.loads(f'"{q}"'), True) if w == "" else (w, False) for q, w in WORD.findall(stage)]
            function, rest = words[0], words[1:]
            arguments = [w if quoted else int(w) if w.isdigit() else self.look(w, dot, names) for w, quoted in rest]
            arguments += [] if first else [result]
            name = None if function[1] else function[0]
            if name is None:
                result = function[0]
            elif name.startswith((".", "$")) and name != ".Files.Get":
                result = self.look(name, dot, names)
            elif name == ".Files.Get":
                result = (CHART / arguments[0]).read_text()
            elif name == "include":
                result = self.render(self.defines[arguments[0]], arguments[1], names).strip("\n")
            elif name == "quote":
                result = json.dumps(str(arguments[0]))
            elif name == "default":
                result = arguments[1] or arguments[0]
            elif name == "toYaml":
                result = json.dumps(arguments[0])
            elif name == "nindent":
                result = "\n" + "\n".join(" " * arguments[0] + line if line else line for line in str(arguments[1]).split("\n"))
            elif name == "fail":
                raise Failed(arguments[0])
            else:
                raise AssertionError(f"unknown function {name}")
            first = False
        return result

    def render(self, tree, dot, names):
        out = ""
        for node in tree:
            if isinstance(node, str):
                out += node
            elif isinstance(node, tuple):
                value = self.value(node[0], dot, names)
                out += str(value).lower() if isinstance(value, bool) else str(value)
            elif node[0] == "range":
                (key, text), source = re.match(r"(\$\w+), (\$\w+) := ", node[1]).groups(), node[1].split(":= ")[1]
                for name, value in sorted(self.value(source, dot, names).items()):
                    out += self.render(node[2], dot, {**names, key: name, text: value})
            elif node[0] != "define":
                value = self.value(node[1], dot, names)
                out += self.render(node[2] if value else node[3], value if node[0] == "with" and value else dot, names)
        return out

    def objects(self):
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        dot = {"Values": self.values, "Release": {"Name": "r1", "Service": "Helm"}, "Chart": {"AppVersion": chart["appVersion"]}}
        found = {}
        for path in sorted((CHART / "templates").glob("*.yaml")):
            for one in yaml.safe_load_all(self.render(self.parse(path.read_text()), dot, {})):
                if one is not None:
                    found[one["kind"], one["metadata"]["name"]] = one
        self.render(self.parse((CHART / "templates/NOTES.txt").read_text()), dot, {})
        return found


def merged(base, more):
    return {**base, **{k: merged(base[k], v) if isinstance(v, dict) and isinstance(base.get(k), dict) else v for k, v in more.items()}}


def follows(schema, value, path=""):
    """What of JSON Schema the chart's uses; a list of complaints."""
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{path} is not one of {schema['enum']}"]
    if "type" in schema and (not isinstance(value, types[schema["type"]]) or (schema["type"] == "integer" and isinstance(value, bool))):
        return [f"{path} is no {schema['type']}"]
    wrong = [f"{path} is below {schema['minimum']}"] if "minimum" in schema and value < schema["minimum"] else []
    wrong += [f"{path} is above {schema['maximum']}"] if "maximum" in schema and value > schema["maximum"] else []
    wrong += [f"{path} is not like {schema['pattern']}"] if "pattern" in schema and not re.search(schema["pattern"], value) else []
    if isinstance(value, dict):
        wrong += [f"{path}.{k} is missing" for k in schema.get("required", []) if k not in value]
        for key, child in value.items():
            below = schema.get("properties", {}).get(key, schema.get("additionalProperties", {}))
            if below is False:
                wrong.append(f"{path}.{key} is unknown")
            elif isinstance(below, dict):
                wrong += follows(below, child, f"{path}.{key}")
    return wrong


@unittest.skipIf(yaml is None, "python3-yaml is not installed")
class Chart(unittest.TestCase):
    FULL = {"replicas": 3, "secretName": "kafka", "files": {"mapping.yaml": "version: 1\n"}, "http": {"tokenSecret": "http"}, "imagePullSecrets": [{"name": "pull"}],
            "serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}, "nodeSelector": {"disk": "ssd"}, "podAnnotations": {"a": "b"},
            "tolerations": [{"key": "k", "operator": "Exists"}], "affinity": {"nodeAffinity": {}}, "state": {"storageClassName": "fast"}}

    def setUp(self):
        self.defaults = yaml.safe_load((CHART / "values.yaml").read_text())

    def rendered(self, more=None):
        return Renderer(merged(self.defaults, more or {})).objects()

    def test_the_objects_are_those_of_the_values(self):
        self.assertEqual(sorted(kind for kind, _ in self.rendered()),
                         ["ConfigMap", "ConfigMap", "Job", "PodDisruptionBudget", "Service", "StatefulSet"])
        self.assertEqual(sorted({kind for kind, _ in self.rendered(self.FULL)}),
                         ["ConfigMap", "Job", "PodDisruptionBudget", "PrometheusRule", "Service", "ServiceMonitor", "StatefulSet"])
        self.assertEqual(sorted(kind for kind, _ in self.rendered({"topics": {"apply": False}, "podDisruptionBudget": {"enabled": False}})),
                         ["ConfigMap", "Service", "StatefulSet"])

    def test_containers_have_no_rights_and_write_only_to_their_volumes(self):
        for values in ({}, self.FULL):
            for (kind, _), one in self.rendered(values).items():
                if kind not in ("StatefulSet", "Job"):
                    continue
                pod = one["spec"]["template"]["spec"]
                self.assertTrue(pod["securityContext"]["runAsNonRoot"])
                self.assertFalse(pod["automountServiceAccountToken"])
                for container in pod["containers"]:
                    self.assertEqual(container["securityContext"], {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}})
                    self.assertEqual({m["name"] for m in container["volumeMounts"]} - {v["name"] for v in pod["volumes"]}, {"state"} if kind == "StatefulSet" else set())

    def test_an_instance_is_its_pod_and_keeps_its_volume(self):
        one = self.rendered(self.FULL)["StatefulSet", "r1-offerstream"]["spec"]
        environment = {e["name"]: e for e in one["template"]["spec"]["containers"][0]["env"]}
        self.assertEqual(environment["OFFERSTREAM__APP__INSTANCE"]["valueFrom"]["fieldRef"]["fieldPath"], "metadata.name")
        self.assertEqual(one["replicas"], 3)
        claim = one["volumeClaimTemplates"][0]
        self.assertEqual((claim["metadata"]["name"], claim["spec"]["storageClassName"], claim["spec"]["resources"]["requests"]["storage"]), ("state", "fast", "20Gi"))
        self.assertEqual(one["selector"]["matchLabels"].items() - one["template"]["metadata"]["labels"].items(), set())
        self.assertGreater(one["template"]["spec"]["terminationGracePeriodSeconds"], 13, "10 s to stop and 3 s for the client")
        for probe, page in [("livenessProbe", "livez"), ("readinessProbe", "readyz"), ("startupProbe", "livez")]:
            self.assertTrue(one["template"]["spec"]["containers"][0][probe]["exec"]["command"][-1].endswith("/" + page))

    def test_nothing_of_http_leaves_the_pod_without_a_token(self):
        objects = self.rendered()
        self.assertNotIn("ports", objects["Service", "r1-offerstream"]["spec"])
        listens = [e for e in objects["StatefulSet", "r1-offerstream"]["spec"]["template"]["spec"]["containers"][0]["env"] if e["name"].endswith("LISTEN")]
        self.assertEqual([e["value"] for e in listens], ["127.0.0.1:8080"])
        with self.assertRaisesRegex(Failed, "needs http.tokenSecret"):
            self.rendered({"serviceMonitor": {"enabled": True}})

    def test_its_rules_are_the_alerts(self):
        rules = self.rendered(self.FULL)["PrometheusRule", "r1-offerstream"]["spec"]
        self.assertEqual(rules, yaml.safe_load((ROOT / "deploy/alerts.yml").read_text()))

    def test_topics_are_made_before_the_pods_are(self):
        job = self.rendered()["Job", "r1-offerstream-topics"]
        self.assertEqual(job["metadata"]["annotations"]["helm.sh/hook"], "pre-install,pre-upgrade")
        self.assertEqual(job["spec"]["template"]["spec"]["containers"][0]["args"][:2], ["topics", "apply"])
        self.assertTrue(all(isinstance(a, str) for a in job["spec"]["template"]["spec"]["containers"][0]["args"]))

    def test_the_schema_knows_every_value_and_refuses_what_is_wrong(self):
        schema = json.loads((CHART / "values.schema.json").read_text())
        self.assertEqual(set(schema["properties"]) - {"global"}, set(self.defaults))
        for values in ({}, self.FULL):
            self.assertEqual(follows(schema, merged(self.defaults, values)), [])
        for wrong in ({"replica": 2}, {"replicas": "2"}, {"replicas": -1}, {"http": {"port": 80}}, {"state": {"size": "much"}}, {"image": {"pullPolicy": "Sometimes"}},
                      {"terminationGracePeriodSeconds": 5}, {"config": "app: {}"}):
            self.assertNotEqual(follows(schema, merged(self.defaults, wrong)), [], wrong)

    def test_its_version_is_the_programs_and_its_configuration_is_sound(self):
        version = re.search(r"project\(offerstream VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        self.assertEqual((chart["version"], chart["appVersion"]), (version, version))
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
            config.write(self.defaults["config"])
            config.flush()
            done = subprocess.run([ENGINE, "check", config.name], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_helm_itself_accepts_it(self):
        if not shutil.which("helm"):
            self.skipTest("helm is not installed (Debian 12 has no package of it); the tests above render the chart by themselves")
        for command in (["lint", CHART], ["template", "r1", CHART]):
            done = subprocess.run(["helm", *command], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


@unittest.skipIf(yaml is None, "python3-yaml is not installed")
class Compose(unittest.TestCase):
    def test_everything_it_names_is_there(self):
        compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
        services = compose["services"]
        for name, service in services.items():
            self.assertTrue("image" in service, name)
            self.assertLessEqual(set(service.get("depends_on", {})), set(services), name)
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                self.assertTrue((ROOT / source).exists() if source.startswith("./") else source in compose["volumes"], f"{name}: {source}")
        self.assertIn(services["prometheus"]["network_mode"].removeprefix("service:"), services)
        datasource = yaml.safe_load((ROOT / "deploy/grafana/datasource.yml").read_text())
        self.assertIn("9090", datasource["datasources"][0]["url"])

    def test_docker_compose_itself_parses_it(self):
        probe = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False) if shutil.which("docker") else None
        if probe is None or probe.returncode != 0:
            self.skipTest("docker compose is not installed")
        done = subprocess.run(["docker", "compose", "-f", ROOT / "docker-compose.yml", "config", "-q"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
