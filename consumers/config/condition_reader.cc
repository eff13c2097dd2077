// Conditions of `eligible`: { all: [...] }, { any: [...] }, { not: ... }, { attribute: a, min:, max: },
// { attribute: a, is: x }, { attribute: a, in: [x, y] }, { segment: [1, 2] }, { owns: product }.
#include <fmt/format.h>

#include <algorithm>

#include "consumers/config/plan_builder.h"
#include "consumers/config/quantity_text.h"
#include "models/domain/random.h"

namespace offerstream {

namespace {

using Kind = YamlNode::Kind;
using Op = Condition::Op;
// Deeper conditions are not written by people; evaluation recurses.
constexpr int kConditionDepthMax = 16;

class ConditionReader {
 public:
  ConditionReader(const CampaignPlan& plan, Mistakes& mistakes) : plan_(plan), mistakes_(mistakes) {}

  Condition Read(const YamlNode& node, int depth) {
    Condition condition;
    if (depth > kConditionDepthMax) {
      mistakes_.Add(node.place, fmt::format("eligible: nested deeper than {}", kConditionDepthMax));
      return condition;
    }
    if (!node.Is(Kind::kMap) || node.keys.empty()) {
      mistakes_.Add(node.place, "eligible: a condition is wanted, like { attribute: age, min: 18 }");
      return condition;
    }
    const std::string& first = node.keys[0].text;
    if (first == "all" || first == "any") {
      condition.op = first == "all" ? Op::kAll : Op::kAny;
      List(node, condition, depth);
    } else if (first == "not") {
      condition.op = Op::kNot;
      condition.children.push_back(Read(node.children[0], depth + 1));
      Alone(node);
    } else if (first == "segment") {
      Segment(node, condition);
    } else if (first == "owns") {
      Owns(node, condition);
    } else if (node.Find("attribute") != nullptr) {
      Attribute(node, condition);
    } else {
      mistakes_.AddUnknown(node.keys[0].place, fmt::format("eligible: '{}' is no condition", first), first,
                           {"all", "any", "not", "attribute", "segment", "owns"});
    }
    return condition;
  }

 private:
  void Alone(const YamlNode& node) {
    for (std::size_t i = 1; i < node.keys.size(); ++i) {
      mistakes_.Add(node.keys[i].place,
                    fmt::format("eligible: '{}' cannot stand beside '{}'", node.keys[i].text, node.keys[0].text));
    }
  }
  void List(const YamlNode& node, Condition& condition, int depth) {
    const YamlNode& list = node.children[0];
    if (!list.Is(Kind::kList))
      mistakes_.Add(list.place, fmt::format("eligible.{}: a list of conditions is wanted", node.keys[0].text));
    else
      for (const YamlNode& child : list.children) condition.children.push_back(Read(child, depth + 1));
    Alone(node);
  }
  void Segment(const YamlNode& node, Condition& condition) {
    condition.op = Op::kSegmentIn;
    const YamlNode& value = node.children[0];
    const auto add = [&](const YamlNode& child) {
      std::int64_t id = 0;
      if (!child.Is(Kind::kScalar) || !ParseInteger(child.text, id) || id < 1 || id > UINT32_MAX) {
        mistakes_.Add(child.place, "eligible.segment: segment ids are whole numbers from 1");
      } else {
        condition.segments.push_back(static_cast<std::uint32_t>(id));
      }
    };
    if (value.Is(Kind::kList))
      std::for_each(value.children.begin(), value.children.end(), add);
    else
      add(value);
    Alone(node);
  }
  void Owns(const YamlNode& node, Condition& condition) {
    condition.op = Op::kOwns;
    const YamlNode& value = node.children[0];
    std::vector<std::string> known;
    for (const ProductSpec& product : plan_.products) known.push_back(product.id);
    const auto at = std::find(known.begin(), known.end(), value.text);
    if (!value.Is(Kind::kScalar) || at == known.end()) {
      mistakes_.AddUnknown(value.place, fmt::format("eligible.owns: no product '{}'", value.text), value.text, known);
    } else {
      condition.index = static_cast<std::uint16_t>(at - known.begin());
    }
    Alone(node);
  }
  void Attribute(const YamlNode& node, Condition& condition) {
    const YamlNode& name = *node.Find("attribute");
    std::vector<std::string> known;
    for (const AttributeSpec& attribute : plan_.attributes) known.push_back(attribute.name);
    const auto at = std::find(known.begin(), known.end(), name.text);
    if (!name.Is(Kind::kScalar) || at == known.end()) {
      mistakes_.AddUnknown(name.place,
                           fmt::format("eligible.attribute: '{}' is not declared in features.attributes", name.text),
                           name.text, known);
      return;
    }
    condition.index = static_cast<std::uint16_t>(at - known.begin());
    const bool number = plan_.attributes[condition.index].type == AttributeType::kNumber;
    condition.op = number ? Op::kAttributeRange : Op::kAttributeIn;
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      const auto& key = node.keys[i];
      if (key.text == "attribute") continue;
      if (number && (key.text == "min" || key.text == "max")) {
        double& bound = key.text == "min" ? condition.min : condition.max;
        if (!node.children[i].Is(Kind::kScalar) || !ParseNumber(node.children[i].text, bound)) {
          mistakes_.Add(node.children[i].place, fmt::format("eligible.{}: a number is wanted", key.text));
        }
      } else if (!number && (key.text == "is" || key.text == "in")) {
        Values(node.children[i], condition);
      } else {
        mistakes_.AddUnknown(
            key.place, fmt::format("eligible: '{}' does not go with attribute '{}'", key.text, name.text), key.text,
            number ? std::vector<std::string>{"min", "max"} : std::vector<std::string>{"is", "in"});
      }
    }
    if (node.keys.size() == 1) {
      mistakes_.Add(node.place,
                    fmt::format("eligible: attribute '{}' needs {}", name.text, number ? "min or max" : "is or in"));
    }
  }
  void Values(const YamlNode& value, Condition& condition) {
    const auto add = [&](const YamlNode& child) {
      if (!child.Is(Kind::kScalar)) {
        mistakes_.Add(child.place, "eligible.in: texts are wanted");
        return;
      }
      condition.values.push_back(H64(child.text));
      condition.texts.push_back(child.text);
    };
    if (value.Is(Kind::kList))
      std::for_each(value.children.begin(), value.children.end(), add);
    else
      add(value);
  }

  const CampaignPlan& plan_;
  Mistakes& mistakes_;
};

}  // namespace

Condition ReadCondition(const YamlNode& node, const CampaignPlan& plan, Mistakes& mistakes) {
  return ConditionReader(plan, mistakes).Read(node, 0);
}

}  // namespace offerstream
