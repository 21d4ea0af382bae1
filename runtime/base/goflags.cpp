#include "runtime/base/goflags.hpp"
#include <algorithm>
#include <charconv>

namespace actord {
namespace {

// Go's base 0: 0x, 0o, 0b prefixes, a leading 0 means octal. `ParseInt(s, 0, 64)`.
template <class T> std::errc parse_number(std::string_view text, T& out) {
  std::string sign;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    if (text[0] == '-') sign = "-";
    if (text[0] == '-' && std::is_unsigned_v<T>) return std::errc::invalid_argument;
    text.remove_prefix(1);
  }
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char c = static_cast<char>(text[1] | 0x20);
    base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
    text.remove_prefix(c == 'x' || c == 'b' || c == 'o' ? 2 : 1);
  }
  if (text.empty() || text[0] == '-' || text[0] == '+') return std::errc::invalid_argument;
  const auto whole = sign + std::string(text);
  auto [p, ec] = std::from_chars(whole.data(), whole.data() + whole.size(), out, base);
  if (ec != std::errc{}) return ec;
  return p == whole.data() + whole.size() ? std::errc{} : std::errc::invalid_argument;
}

std::errc parse_number(std::string_view text, double& out) {
  if (text.starts_with('+')) text.remove_prefix(1);
  auto [p, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (ec != std::errc{}) return ec;
  return p == text.data() + text.size() ? std::errc{} : std::errc::invalid_argument;
}

std::string_view default_word(flag_kind k) {
  switch (k) {
    case flag_kind::boolean: return "";
    case flag_kind::integer: return "int";
    case flag_kind::unsigned_integer: return "uint";
    case flag_kind::real: return "float";
    case flag_kind::duration: return "duration";
    case flag_kind::text: return "string";
    case flag_kind::repeated: return "value";
    case flag_kind::key_value: return "key=value";
  }
  return "value";
}

std::string word_of(const flag_spec& f) { return f.value_word.empty() ? std::string(default_word(f.kind)) : f.value_word; }

// The reason Go would give, "" when the value is fine.
std::string reason_against(const flag_spec& f, const std::string& value) {
  std::errc ec{};
  const char* function = "";
  switch (f.kind) {
    case flag_kind::text:
    case flag_kind::repeated:
    case flag_kind::key_value: return {};
    case flag_kind::boolean: {
      bool b;
      if (parse_go_bool(value, b)) return {};
      ec = std::errc::invalid_argument;
      function = "ParseBool";
      break;
    }
    case flag_kind::integer: {
      int64_t n;
      ec = parse_number(value, n);
      function = "Atoi";
      break;
    }
    case flag_kind::unsigned_integer: {
      uint64_t n;
      ec = parse_number(value, n);
      function = "ParseUint";
      break;
    }
    case flag_kind::real: {
      double n;
      ec = parse_number(value, n);
      function = "ParseFloat";
      break;
    }
    case flag_kind::duration: {
      auto d = parse_duration(value);
      if (d) return {};
      return f.strconv_errors ? d.err().text : "parse error";
    }
  }
  if (ec == std::errc{}) return {};
  const bool range = ec == std::errc::result_out_of_range;
  if (!f.strconv_errors) return range ? "value out of range" : "parse error";
  return "strconv." + std::string(function) + ": parsing \"" + value + "\": " + (range ? "value out of range" : "invalid syntax");
}

error refuse(std::string text) { return {errc::bad_request, std::move(text)}; }

} // namespace

bool parse_go_bool(std::string_view t, bool& out) {
  out = t == "1" || t == "t" || t == "T" || t == "TRUE" || t == "true" || t == "True";
  return out || t == "0" || t == "f" || t == "F" || t == "FALSE" || t == "false" || t == "False";
}

std::string wrap_words(std::string_view text, size_t width, std::string_view indent) {
  std::string out, line;
  auto flush = [&] {
    if (!line.empty()) out += std::string(indent) + line + "\n";
    line.clear();
  };
  while (!text.empty()) {
    const auto cut = text.find(' ');
    const auto word = text.substr(0, cut);
    text.remove_prefix(cut == std::string_view::npos ? text.size() : cut + 1);
    if (word.empty()) continue;
    if (!line.empty() && line.size() + 1 + word.size() > width) flush();
    if (!line.empty()) line += ' ';
    line += word;
  }
  flush();
  return out;
}

std::string parsed_flags::text(std::string_view name, std::string_view fallback) const {
  auto it = values_.find(name);
  return it == values_.end() ? std::string(fallback) : it->second.back();
}

bool parsed_flags::boolean(std::string_view name, bool fallback) const {
  auto it = values_.find(name);
  if (it == values_.end()) return fallback;
  bool b = false;
  parse_go_bool(it->second.back(), b);
  return b;
}

int64_t parsed_flags::integer(std::string_view name, int64_t fallback) const {
  auto it = values_.find(name);
  int64_t n = fallback;
  if (it != values_.end()) parse_number(it->second.back(), n);
  return n;
}

uint64_t parsed_flags::unsigned_integer(std::string_view name, uint64_t fallback) const {
  auto it = values_.find(name);
  uint64_t n = fallback;
  if (it != values_.end()) parse_number(it->second.back(), n);
  return n;
}

double parsed_flags::real(std::string_view name, double fallback) const {
  auto it = values_.find(name);
  double n = fallback;
  if (it != values_.end()) parse_number(it->second.back(), n);
  return n;
}

nanos parsed_flags::duration(std::string_view name, nanos fallback) const {
  auto it = values_.find(name);
  if (it == values_.end()) return fallback;
  auto d = parse_duration(it->second.back());
  return d ? *d : fallback;
}

std::vector<std::string> parsed_flags::all(std::string_view name) const {
  auto it = values_.find(name);
  return it == values_.end() ? std::vector<std::string>{} : it->second;
}

std::map<std::string, std::string> parsed_flags::pairs(std::string_view name, char separator) const {
  std::map<std::string, std::string> out;
  for (auto& word : all(name)) {
    const auto cut = word.find(separator);
    out[word.substr(0, cut)] = cut == std::string::npos ? "" : word.substr(cut + 1);
  }
  return out;
}

flag_set::flag_set(std::vector<flag_spec> specs) {
  for (auto& s : specs) add(std::move(s));
}

flag_set& flag_set::add(flag_spec spec) {
  auto at = std::lower_bound(specs_.begin(), specs_.end(), spec.name, [](auto& s, auto& name) { return s.name < name; });
  if (at != specs_.end() && at->name == spec.name) *at = std::move(spec);
  else specs_.insert(at, std::move(spec));
  return *this;
}

const flag_spec* flag_set::find(std::string_view name) const {
  auto at = std::lower_bound(specs_.begin(), specs_.end(), name, [](auto& s, auto& n) { return s.name < n; });
  return at != specs_.end() && at->name == name ? &*at : nullptr;
}

result<parsed_flags> flag_set::parse(const std::vector<std::string>& args) const {
  parsed_flags out;
  size_t i = 0;
  for (; i < args.size(); ++i) {
    const auto& word = args[i];
    if (word.size() < 2 || word[0] != '-') break;
    const size_t dashes = word[1] == '-' ? 2 : 1;
    if (dashes == 2 && word.size() == 2) {
      ++i;
      break;
    }
    auto name = word.substr(dashes);
    if (name.empty() || name[0] == '-' || name[0] == '=') return refuse("bad flag syntax: " + word);
    const auto cut = name.find('=', 1);
    const bool has_value = cut != std::string::npos;
    std::string value = has_value ? name.substr(cut + 1) : "";
    name.resize(std::min(cut, name.size()));
    const auto* spec = find(name);
    if (!spec) {
      if (name != "h" && name != "help") return refuse("flag provided but not defined: -" + name);
      out.help = true;
      return out;
    }
    if (spec->kind == flag_kind::boolean) {
      if (!has_value) value = "true";
      if (auto why = reason_against(*spec, value); !why.empty())
        return refuse("invalid boolean value \"" + value + "\" for -" + name + ": " + why);
    } else {
      if (!has_value) {
        if (++i == args.size()) return refuse("flag needs an argument: -" + name);
        value = args[i];
      }
      if (auto why = reason_against(*spec, value); !why.empty())
        return refuse("invalid value \"" + value + "\" for flag -" + name + ": " + why);
    }
    out.in_order.emplace_back(name, value);
    out.values_[name].push_back(std::move(value));
  }
  out.rest.assign(args.begin() + static_cast<std::ptrdiff_t>(i), args.end());
  return out;
}

std::string flag_set::go_usage() const {
  std::string out = "Usage:\n";
  for (auto& f : specs_) {
    out += "  -" + f.name;
    if (f.kind != flag_kind::boolean) out += " " + word_of(f);
    out += "\n    \t" + f.help;
    if (!f.shown_default.empty())
      out += f.kind == flag_kind::text ? " (default \"" + f.shown_default + "\")" : " (default " + f.shown_default + ")";
    out += "\n";
  }
  return out;
}

std::string flag_set::help_page(const std::vector<std::string>& wanted) const {
  std::string out;
  for (auto& f : specs_) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), f.name) == wanted.end()) continue;
    out += "  -" + f.name;
    if (f.kind != flag_kind::boolean) out += "=<" + word_of(f) + ">";
    out += "\n" + wrap_words(f.help, 67, "     ") + "\n";
  }
  return out;
}

} // namespace actord
