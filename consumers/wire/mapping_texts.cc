// The texts mappings are made of: pointers, and values as JSON.
#include "consumers/config/quantity_text.h"
#include "consumers/wire/event_mapping.h"

namespace offerstream {

bool ParseFieldPath(const std::string& text, FieldPath& out) {
  out = {};
  if (text.starts_with("ce_") && text.size() > 3) {
    out.envelope = true;
    out.keys.push_back(text.substr(3));
    return true;
  }
  if (text.empty()) return true;
  if (text[0] != '/') return false;
  std::string key;
  for (std::size_t i = 1; i <= text.size(); ++i) {
    if (i == text.size() || text[i] == '/') {
      out.keys.push_back(std::move(key));
      key.clear();
    } else if (text[i] == '~') {
      if (i + 1 >= text.size() || (text[i + 1] != '0' && text[i + 1] != '1')) return false;
      key += text[++i] == '0' ? '~' : '/';
    } else {
      key += text[i];
    }
  }
  return true;
}

void AppendJsonText(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, begin, i - begin);
    begin = i + 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else {
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    }
  }
  out.append(text, begin, text.size() - begin);
  out += '"';
}

std::string YamlAsJson(const YamlNode& node) {
  std::string out;
  double number = 0;
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "null";
    case YamlNode::Kind::kScalar:
      // JSON has no leading zeros or plus signs; such a scalar is a text.
      if (!node.quoted && (node.text == "true" || node.text == "false")) return node.text;
      if (!node.quoted && ParseNumber(node.text, number) &&
          node.text.find_first_not_of("-0123456789.eE") == std::string::npos &&
          (node.text.size() < 2 || node.text[0] != '0' || node.text[1] == '.')) {
        return node.text;
      }
      AppendJsonText(node.text, out);
      return out;
    case YamlNode::Kind::kList:
      for (const YamlNode& child : node.children) out += (out.empty() ? "" : ",") + YamlAsJson(child);
      return "[" + out + "]";
    case YamlNode::Kind::kMap:
      for (std::size_t i = 0; i < node.keys.size(); ++i) {
        if (i > 0) out += ',';
        AppendJsonText(node.keys[i].text, out);
        out += ':' + YamlAsJson(node.children[i]);
      }
      return "{" + out + "}";
  }
  return "null";
}

}  // namespace offerstream
