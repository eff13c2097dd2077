#include "consumers/wire/event_mapping.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "consumers/config/embedded_files.h"
#include "consumers/config/quantity_text.h"
#include "consumers/wire/mapping_lists.h"
#include "models/domain/event_time.h"

namespace offerstream {

namespace {

using Kind = YamlNode::Kind;

// Reads one mapping file; every wrong key and value is a mistake at its place.
class MappingReader {
 public:
  explicit MappingReader(Mistakes& mistakes) : mistakes_(mistakes) {}

  void Read(const YamlNode& root, EventMapping& mapping) {
    Known(root, "",
          {"version", "format", "delimiter", "quote", "header", "columns", "lists", "shuffle", "fields", "attributes", "emit",
           "skip", "tests"});
    if (const YamlNode* version = root.Find("version"); version == nullptr)
      mistakes_.Add(root.place, "version: missing");
    else if (version->text != "1")
      mistakes_.Add(version->place, fmt::format("version: 1 is wanted, not '{}'", version->text));
    Form(root, mapping);
    const YamlNode* fields = root.Find("fields");
    if (fields == nullptr)
      mistakes_.Add(root.place, "fields: missing");
    else
      Template(*fields, "fields", mapping.main);
    for (const Field needed : {Field::kEventId, Field::kKind}) {
      const auto name = kFieldNames[static_cast<std::size_t>(needed)];
      if (fields != nullptr && !mapping.main.fields[static_cast<std::size_t>(needed)].given) {
        mistakes_.Add(fields->place, fmt::format("fields.{}: missing", name));
      }
    }
    if (const YamlNode* shuffle = root.Find("shuffle")) {
      double seed = 0;
      if (!ParseNumber(shuffle->text, seed) || seed < 0 || seed > 1e15) mistakes_.Add(shuffle->place, "shuffle: a seed, a number from 0, is wanted");
      mapping.shuffle = static_cast<std::uint64_t>(seed);
    }
    if (const YamlNode* node = root.Find("attributes")) Attributes(*node, mapping.attributes);
    EachMap(root, "skip", [&](const YamlNode& node) { mapping.skip.push_back(Condition(node, "skip")); });
    EachMap(root, "emit", [&](const YamlNode& node) {
      Known(node, "emit", {"each", "when", "fields"});
      if (const YamlNode* each = node.Find("each")) return EachItem(node, *each, mapping);
      Emit(node, mapping.emits.emplace_back());
    });
    if (mapping.emits.size() > kEmitsMax) {
      mistakes_.Add(root.Find("emit")->place, fmt::format("emit: more than {} events of one record", kEmitsMax));
    }
    EachMap(root, "tests", [&](const YamlNode& node) { Test(node, mapping); });
  }

 private:
  void Known(const YamlNode& node, std::string_view where, const std::vector<std::string>& keys) {
    if (!node.Is(Kind::kMap)) {
      mistakes_.Add(node.place, fmt::format("{}: a map of keys is wanted", where.empty() ? "mapping" : where));
      return;
    }
    for (const auto& key : node.keys) {
      if (std::find(keys.begin(), keys.end(), key.text) == keys.end()) {
        mistakes_.AddUnknown(key.place, fmt::format("{}{}{}: unknown key", where, where.empty() ? "" : ".", key.text),
                             key.text, keys);
      }
    }
  }
  template <typename F>
  void EachMap(const YamlNode& root, const std::string& key, F f) {
    const YamlNode* list = root.Find(key);
    if (list == nullptr || list->Is(Kind::kNull)) return;
    if (!list->Is(Kind::kList)) mistakes_.Add(list->place, fmt::format("{}: a list is wanted", key));
    for (const YamlNode& node : list->children) {
      if (node.Is(Kind::kMap))
        f(node);
      else
        mistakes_.Add(node.place, fmt::format("{}: a map of keys is wanted", key));
    }
  }
  std::string Text(const YamlNode& node, std::string_view where) {
    if (!node.Is(Kind::kScalar)) mistakes_.Add(node.place, fmt::format("{}: a text is wanted", where));
    return node.text;
  }
  std::vector<std::string> Texts(const YamlNode& node, std::string_view where) {
    std::vector<std::string> texts;
    if (node.Is(Kind::kScalar))
      texts.push_back(node.text);
    else if (!node.Is(Kind::kList))
      mistakes_.Add(node.place, fmt::format("{}: a list of texts is wanted", where));
    else
      for (const YamlNode& child : node.children) texts.push_back(Text(child, where));
    return texts;
  }
  bool Truth(const YamlNode& node, std::string_view where) {
    if (node.text != "true" && node.text != "false")
      mistakes_.Add(node.place, fmt::format("{}: true or false is wanted", where));
    return node.text == "true";
  }
  FieldPath Path(const YamlNode& node, std::string_view where) {
    FieldPath path;
    if (!node.Is(Kind::kScalar) || !ParseFieldPath(node.text, path)) {
      mistakes_.Add(
          node.place,
          fmt::format(
              "{}: a JSON Pointer like /properties/id or a CloudEvents attribute like ce_id is wanted, not '{}'", where,
              node.text));
    }
    return path;
  }
  std::vector<FieldPath> Paths(const YamlNode& node, std::string_view where) {
    std::vector<FieldPath> paths;
    if (node.Is(Kind::kScalar))
      paths.push_back(Path(node, where));
    else if (!node.Is(Kind::kList))
      mistakes_.Add(node.place, fmt::format("{}: a pointer or a list of them is wanted", where));
    else
      for (const YamlNode& child : node.children) paths.push_back(Path(child, where));
    return paths;
  }

  void Emit(const YamlNode& node, EventTemplate& emit) {
    if (const YamlNode* when = node.Find("when")) emit.when = Condition(*when, "emit.when");
    if (const YamlNode* inner = node.Find("fields")) Template(*inner, "emit.fields", emit);
  }
  // each: an emit for each item of a list, which a pointer names by *.
  void EachItem(const YamlNode& node, const YamlNode& each, EventMapping& mapping) {
    Known(each, "emit.each", {"of", "max"});
    const YamlNode *of = each.Find("of"), *max = each.Find("max");
    double items = 0;
    if (of == nullptr || max == nullptr || !ParseNumber(max->text, items) || items < 1 || items > kEmitsMax) {
      mistakes_.Add(each.place, fmt::format("emit.each: of, a pointer to a list, and max, 1 to {}, are wanted", kEmitsMax));
      return;
    }
    ListRule& rule = mapping.lists.emplace_back();
    rule.list = rule.beyond = Path(*of, "emit.each.of");
    rule.beyond.keys.push_back(fmt::format("{:.0f}", items));
    for (std::size_t i = 0; i < static_cast<std::size_t>(items); ++i) {
      EventTemplate& emit = mapping.emits.emplace_back();
      Emit(AtItem(node, of->text, i), emit);
      if (emit.when) continue;
      emit.when.emplace();
      emit.when->path = rule.list;
      emit.when->path.keys.push_back(fmt::to_string(i));
      emit.when->test = FieldCondition::Test::kPresent;
    }
  }

  void Form(const YamlNode& root, EventMapping& mapping) {
    if (const YamlNode* format = root.Find("format")) {
      mapping.csv = format->text == "csv";
      mapping.cloudevents = format->text == "cloudevents";
      if (format->text != "json" && !mapping.csv && !mapping.cloudevents) {
        mistakes_.AddUnknown(format->place,
                             fmt::format("format: one of json, csv, cloudevents is wanted, not '{}'", format->text),
                             format->text, {"json", "csv", "cloudevents"});
      }
    }
    const auto one = [&](const char* key, char& out) {
      const YamlNode* node = root.Find(key);
      if (node == nullptr) return;
      const std::string text = node->text == "\\t" || node->text == "tab" ? "\t" : node->text;
      if (text.size() != 1 || text[0] == '\n')
        mistakes_.Add(node->place, fmt::format("{}: one character is wanted", key));
      else
        out = text[0];
    };
    one("delimiter", mapping.csv_form.delimiter);
    one("quote", mapping.csv_form.quote);
    if (const YamlNode* header = root.Find("header")) mapping.csv_form.header = Truth(*header, "header");
    if (const YamlNode* columns = root.Find("columns")) mapping.csv_form.columns = Texts(*columns, "columns");
    if (const YamlNode* lists = root.Find("lists")) mapping.csv_form.lists = Texts(*lists, "lists");
    if (mapping.csv && !mapping.csv_form.header && mapping.csv_form.columns.empty()) {
      mistakes_.Add(root.place, "columns: missing; a file without header needs them");
    }
  }

  void Template(const YamlNode& node, const std::string& where, EventTemplate& out) {
    std::vector<std::string> known(kFieldNames.begin(), kFieldNames.end());
    known.emplace_back("outcomes");
    Known(node, where, known);
    for (std::size_t i = 0; i < kFields && node.Is(Kind::kMap); ++i) {
      if (const YamlNode* rule = node.Find(kFieldNames[i])) {
        out.fields[i] = Rule(*rule, fmt::format("{}.{}", where, kFieldNames[i]), static_cast<Field>(i));
      }
    }
    const YamlNode* outcomes = node.Find("outcomes");
    if (outcomes == nullptr) return;
    if (!outcomes->Is(Kind::kMap)) mistakes_.Add(outcomes->place, where + ".outcomes: a map of outcomes is wanted");
    for (std::size_t i = 0; i < outcomes->keys.size(); ++i) {
      out.outcomes[outcomes->keys[i].text] = Rule(
          outcomes->children[i], fmt::format("{}.outcomes.{}", where, outcomes->keys[i].text), Field::kTransactional);
    }
  }

  // sum, factor, plus, log: a number made of others.
  void Arithmetic(const YamlNode& node, const std::string& where, FieldRule& rule) {
    const auto number = [&](const char* key, double& out) {
      const YamlNode* value = node.Find(key);
      if (value != nullptr && !ParseNumber(value->text, out)) mistakes_.Add(value->place, fmt::format("{}.{}: a number is wanted", where, key));
    };
    if (const YamlNode* sum = node.Find("sum")) rule.sum = Paths(*sum, where + ".sum");
    if (const YamlNode* contains = node.Find("contains")) rule.contains = Text(*contains, where + ".contains");
    if (const YamlNode* log = node.Find("log")) rule.logarithm = Truth(*log, where + ".log");
    number("factor", rule.factor);
    number("plus", rule.plus);
  }

  FieldRule Rule(const YamlNode& node, const std::string& where, Field field, bool attribute = false) {
    FieldRule rule;
    rule.given = true;
    const bool time = field == Field::kTime,
               amount = field == Field::kValue || field == Field::kQuantity || field == Field::kCost;
    std::vector<std::string> keys = {"from", "const", "row", "enum", "default", "is"};
    if (time) keys.insert(keys.end(), {"as", "format", "start", "step", "skew"});
    if (amount) keys.insert(keys.end(), {"negative", "times"});
    if (attribute) keys.insert(keys.end(), {"sum", "factor", "plus", "log", "contains"});
    Known(node, where, keys);
    if (!node.Is(Kind::kMap)) return rule;
    if (const YamlNode* from = node.Find("from")) rule.from = Paths(*from, where + ".from");
    if (const YamlNode* value = node.Find("const")) rule.constant = Text(*value, where + ".const");
    if (const YamlNode* row = node.Find("row")) {
      rule.row = Text(*row, where + ".row");
      if (rule.row->find("{n}") == std::string::npos)
        mistakes_.Add(row->place, where + ".row: {n}, the row's number, is wanted in it");
    }
    if (const YamlNode* standard = node.Find("default")) rule.standard = Text(*standard, where + ".default");
    if (const YamlNode* is = node.Find("is")) rule.is = Text(*is, where + ".is");
    if (const YamlNode* negative = node.Find("negative")) rule.negative = Truth(*negative, where + ".negative");
    if (const YamlNode* times = node.Find("times")) rule.times = Path(*times, where + ".times");
    if (const YamlNode* names = node.Find("enum")) {
      if (!names->Is(Kind::kMap)) mistakes_.Add(names->place, where + ".enum: a map from texts to texts is wanted");
      for (std::size_t i = 0; i < names->keys.size(); ++i) {
        rule.names[names->keys[i].text] = Text(names->children[i], where + ".enum");
        if (field == Field::kKind) KnownKind(names->children[i], where);
      }
    }
    if (field == Field::kKind) {
      if (const YamlNode* value = node.Find("const")) KnownKind(*value, where);
      if (const YamlNode* value = node.Find("default")) KnownKind(*value, where);
    }
    if (time) TimeRule(node, where, rule);
    if (attribute) Arithmetic(node, where, rule);
    if (rule.from.empty() && rule.sum.empty() && !rule.constant && !rule.row && !rule.standard && !rule.start) {
      mistakes_.Add(node.place, where + ": from, const, row or default is wanted");
    }
    return rule;
  }
  void KnownKind(const YamlNode& node, const std::string& where) {
    std::vector<std::string> kinds = {"delivery_failed"};
    for (std::size_t k = 0; k < kEventKinds; ++k) kinds.emplace_back(Name(static_cast<EventKind>(k)));
    if (std::find(kinds.begin(), kinds.end(), node.text) == kinds.end()) {
      mistakes_.AddUnknown(node.place, fmt::format("{}: no kind '{}'", where, node.text), node.text, kinds);
    }
  }
  void TimeRule(const YamlNode& node, const std::string& where, FieldRule& rule) {
    if (const YamlNode* as = node.Find("as")) {
      for (const std::string& form : Texts(*as, where + ".as")) {
        if (form == "rfc3339")
          rule.forms.push_back(TimeForm::kRfc3339);
        else if (form == "epoch_ms")
          rule.forms.push_back(TimeForm::kEpochMs);
        else if (form == "epoch_s")
          rule.forms.push_back(TimeForm::kEpochS);
        else
          mistakes_.AddUnknown(as->place, fmt::format("{}.as: no form '{}'", where, form), form,
                               {"rfc3339", "epoch_ms", "epoch_s"});
      }
    }
    if (rule.forms.empty()) rule.forms.push_back(TimeForm::kRfc3339);
    if (const YamlNode* format = node.Find("format")) rule.format = Text(*format, where + ".format");
    if (const YamlNode* start = node.Find("start")) {
      EventTime time = 0;
      if (!ParseDateOrTime(start->text, time)) mistakes_.Add(start->place, where + ".start: a date or time is wanted");
      rule.start = time;
    }
    if (const YamlNode* step = node.Find("step")) {
      if (!ParseDuration(step->text, rule.step))
        mistakes_.Add(step->place, where + ".step: a duration like 60s is wanted");
    }
    if (rule.start.has_value() != (node.Find("step") != nullptr))
      mistakes_.Add(node.place, where + ": start and step go together");
    if (const YamlNode* skew = node.Find("skew")) {
      Known(*skew, where + ".skew", {"original", "sent", "received"});
      if (const YamlNode* path = skew->Find("original")) rule.original = Path(*path, where + ".skew.original");
      if (const YamlNode* path = skew->Find("sent")) rule.sent = Path(*path, where + ".skew.sent");
      if (const YamlNode* path = skew->Find("received")) rule.received = Path(*path, where + ".skew.received");
    }
  }

  FieldCondition Condition(const YamlNode& node, const std::string& where) {
    FieldCondition condition;
    Known(node, where, {"from", "is", "in", "present", "starts_with", "contains", "not"});
    if (!node.Is(Kind::kMap)) return condition;
    if (const YamlNode* from = node.Find("from"))
      condition.path = Path(*from, where + ".from");
    else
      mistakes_.Add(node.place, where + ".from: missing");
    int tests = 0;
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      const YamlNode& value = node.children[i];
      const std::string& key = node.keys[i].text;
      if (key == "from") continue;
      if (key == "not") {
        condition.negated = Truth(value, where + ".not");
        continue;
      }
      ++tests;
      if (key == "present")
        condition.test =
            Truth(value, where + ".present") ? FieldCondition::Test::kPresent : FieldCondition::Test::kAbsent;
      else
        condition.values = Texts(value, where + "." + key);
      if (key == "in") condition.test = FieldCondition::Test::kIn;
      if (key == "starts_with") condition.test = FieldCondition::Test::kStartsWith;
      if (key == "contains") condition.test = FieldCondition::Test::kContains;
    }
    if (tests != 1) mistakes_.Add(node.place, where + ": one of is, in, present, starts_with, contains is wanted");
    return condition;
  }

  void Attributes(const YamlNode& node, AttributeRules& rules) {
    Known(node, "attributes", {"from", "include", "exclude", "missing", "numbers", "fields"});
    if (!node.Is(Kind::kMap)) return;
    if (const YamlNode* from = node.Find("from")) rules.bases = Paths(*from, "attributes.from");
    if (rules.bases.empty()) rules.bases.emplace_back();
    const auto names = [&](const char* key, std::vector<std::string>& out) {
      if (const YamlNode* list = node.Find(key)) {
        for (const std::string& text : Texts(*list, fmt::format("attributes.{}", key))) {
          // A pointer or a plain name: names are looked up in every base.
          FieldPath path;
          out.push_back(text.starts_with("/") && ParseFieldPath(text, path) ? path.keys.back() : text);
        }
      }
    };
    names("include", rules.include);
    names("exclude", rules.exclude);
    rules.all = std::find(rules.include.begin(), rules.include.end(), "*") != rules.include.end();
    if (const YamlNode* missing = node.Find("missing")) rules.missing = Texts(*missing, "attributes.missing");
    if (const YamlNode* numbers = node.Find("numbers")) {
      rules.numbers_auto = numbers->text == "auto";
      if (!rules.numbers_auto && numbers->text != "strict")
        mistakes_.Add(numbers->place, "attributes.numbers: auto or strict is wanted");
    }
    if (const YamlNode* fields = node.Find("fields")) {
      if (!fields->Is(Kind::kMap)) mistakes_.Add(fields->place, "attributes.fields: a map of attributes is wanted");
      for (std::size_t i = 0; i < fields->keys.size(); ++i) {
        rules.fields[fields->keys[i].text] =
            Rule(fields->children[i], "attributes.fields." + fields->keys[i].text, Field::kCategory, true);
      }
    }
  }

  void Test(const YamlNode& node, EventMapping& mapping) {
    Known(node, "tests", {"name", "input", "expect"});
    MappingTest test;
    test.place = node.place;
    if (const YamlNode* name = node.Find("name")) test.name = Text(*name, "tests.name");
    const YamlNode *input = node.Find("input"), *expect = node.Find("expect");
    if (input == nullptr || expect == nullptr) {
      mistakes_.Add(node.place, "tests: input and expect are wanted");
      return;
    }
    test.input = YamlAsJson(*input);
    const auto add = [&](const YamlNode& event) {
      if (!event.Is(Kind::kMap)) {
        mistakes_.Add(event.place, "tests.expect: a map of fields is wanted");
        return;
      }
      if (const YamlNode* error = event.Find("error")) {
        test.error = error->text;
        return;
      }
      auto& expected = test.events.emplace_back();
      expected.place = event.place;
      for (std::size_t i = 0; i < event.keys.size(); ++i)
        Expect(event.keys[i].text, event.children[i], expected.fields);
    };
    if (expect->Is(Kind::kList))
      std::for_each(expect->children.begin(), expect->children.end(), add);
    else
      add(*expect);
    mapping.tests.push_back(std::move(test));
  }
  // { attributes: { age: 3 } } is compared as attributes.age.
  void Expect(const std::string& key, const YamlNode& value, std::map<std::string, std::string>& fields) {
    if (!value.Is(Kind::kMap)) {
      fields[key] = Text(value, "tests.expect." + key);
      return;
    }
    for (std::size_t i = 0; i < value.keys.size(); ++i)
      Expect(key + "." + value.keys[i].text, value.children[i], fields);
  }

  Mistakes& mistakes_;
};

}  // namespace

LoadedMapping ParseMapping(const std::string& text, const std::string& name) {
  LoadedMapping loaded;
  Mistakes mistakes;
  auto mapping = std::make_shared<EventMapping>();
  mapping->name = name;
  if (const auto root = ParseYaml(text, name, mistakes)) MappingReader(mistakes).Read(*root, *mapping);
  loaded.errors = mistakes.Take();
  if (loaded.errors.empty()) loaded.mapping = std::move(mapping);
  return loaded;
}

LoadedMapping LoadMapping(const std::string& name) {
  if (const auto preset = EmbeddedFile(fmt::format("deploy/mappings/{}.yaml", name)); !preset.empty()) {
    return ParseMapping(std::string(preset), fmt::format("deploy/mappings/{}.yaml", name));
  }
  std::ifstream in(name, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (in && !in.bad()) return ParseMapping(text.str(), name);
  LoadedMapping loaded;
  loaded.errors.push_back({name, 0, 0, "cannot be read"});
  return loaded;
}

}  // namespace offerstream
