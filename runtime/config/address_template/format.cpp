// Go's fmt for the values of a template: the verbs v s q d x X o b c t f e g, with flags, width and precision.
#include "runtime/base/quote.hpp"
#include "runtime/base/utf8.hpp"
#include "runtime/config/address_template/run.hpp"
#include <cmath>
#include <fmt/format.h>

namespace actord::address_template {
namespace {

struct verb {
  bool minus = false, plus = false, zero = false, sharp = false, space = false;
  int width = -1, precision = -1;
  char letter = 0;
};

std::string real_text(double d, const verb& v) {
  if (v.letter == 'f' || v.letter == 'F') return fmt::format("{:.{}f}", d, v.precision < 0 ? 6 : v.precision);
  if (v.letter == 'e') return fmt::format("{:.{}e}", d, v.precision < 0 ? 6 : v.precision);
  if (v.precision >= 0) return fmt::format("{:.{}g}", d, v.precision);
  // The shortest that reads back; an exponent from 1e21 on and below 1e-4.
  const double size = std::abs(d);
  if (size != 0 && (size < 1e-4 || size >= 1e21)) return fmt::format("{:e}", d).find('.') == std::string::npos ? fmt::format("{:e}", d) : fmt::format("{}", d);
  auto out = fmt::format("{}", d);
  if (out.find('e') != std::string::npos) out = fmt::format("{:.0f}", d);
  return out.ends_with(".0") ? out.substr(0, out.size() - 2) : out;
}

std::string hex_of(std::string_view bytes, bool upper) {
  std::string out;
  for (char c : bytes) out += fmt::format(fmt::runtime(upper ? "{:02X}" : "{:02x}"), static_cast<unsigned char>(c));
  return out;
}

std::string bad_verb(const verb& v, const value& a) {
  return a.is_nil() ? fmt::format("%!{}(<nil>)", v.letter) : fmt::format("%!{}({}={})", v.letter, a.type(), a.shown());
}

std::string character(int64_t code) {
  std::string out;
  append_utf8(out, code < 0 || code > 0x10ffff ? 0xfffdU : static_cast<uint32_t>(code));
  return out;
}

std::string integer_text(int64_t i, const verb& v, const value& a) {
  const uint64_t size = i < 0 ? 0 - static_cast<uint64_t>(i) : static_cast<uint64_t>(i);
  const std::string sign = i < 0 ? "-" : v.plus ? "+" : v.space ? " " : "";
  switch (v.letter) {
  case 'v':
  case 'd': return sign + fmt::format("{}", size);
  case 'x': return sign + (v.sharp ? "0x" : "") + fmt::format("{:x}", size);
  case 'X': return sign + (v.sharp ? "0X" : "") + fmt::format("{:X}", size);
  case 'o': return sign + (v.sharp ? "0" : "") + fmt::format("{:o}", size);
  case 'b': return sign + fmt::format("{:b}", size);
  case 'c': return character(i);
  case 'q': return "'" + character(i) + "'";
  case 'U': return fmt::format("U+{:04X}", size);
  default: return bad_verb(v, a);
  }
}

std::string text_text(std::string s, const verb& v, const value& a) {
  if (v.precision >= 0 && static_cast<size_t>(v.precision) < s.size()) s.resize(static_cast<size_t>(v.precision));
  switch (v.letter) {
  case 'v':
  case 's': return s;
  case 'q': return v.plus ? quote_ascii(s) : quote(s);
  case 'x': return hex_of(s, false);
  case 'X': return hex_of(s, true);
  default: return bad_verb(v, a);
  }
}

std::string formatted(const value& a, const verb& v) {
  if (v.letter == 'T') return a.type();
  if (a.is_nil()) return v.letter == 'v' ? "<nil>" : bad_verb(v, a);
  if (auto* b = a.as<bool>()) return v.letter == 'v' || v.letter == 't' ? (*b ? "true" : "false") : bad_verb(v, a);
  if (auto* i = a.as<int64_t>()) return integer_text(*i, v, a);
  if (auto* d = a.as<double>()) {
    const bool known = std::string_view("vfFeg").find(v.letter) != std::string_view::npos;
    return known ? (v.plus && *d >= 0 ? "+" : "") + real_text(*d, v) : bad_verb(v, a);
  }
  return text_text(a.shown(), v, a);
}

std::string padded(std::string s, const verb& v) {
  size_t characters = 0;
  for (char c : s) characters += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  if (v.width < 0 || characters >= static_cast<size_t>(v.width)) return s;
  const auto missing = static_cast<size_t>(v.width) - characters;
  if (v.minus) return s + std::string(missing, ' ');
  if (!v.zero) return std::string(missing, ' ') + s;
  const bool sign = s.starts_with('-') || s.starts_with('+');
  return s.substr(0, sign) + std::string(missing, '0') + s.substr(sign);
}

constexpr int max_width = 1000;

int read_number(std::string_view form, size_t& i) {
  int n = -1;
  for (; i < form.size() && form[i] >= '0' && form[i] <= '9'; ++i) n = std::min(max_width, (n < 0 ? 0 : n) * 10 + (form[i] - '0'));
  return n;
}

} // namespace

std::string value::shown() const {
  if (is_nil()) return "<nil>";
  if (auto* b = as<bool>()) return *b ? "true" : "false";
  if (auto* i = as<int64_t>()) return fmt::format("{}", *i);
  if (auto* d = as<double>()) return real_text(*d, {});
  if (auto* s = as<std::string>()) return *s;
  if (auto* e = as<entry>()) return e->text();
  if (auto* ip = as<ip_prefix>()) return ip->text();
  if (auto* link = as<const host_facts::interface_address*>()) return link_text(**link);
  std::string out = "[";
  for (auto& e : **as<std::shared_ptr<const entries>>()) out += (out.size() > 1 ? " " : "") + e.text();
  return out + "]";
}

std::string format_values(const std::string& form, const std::vector<value>& arguments) {
  std::string out;
  size_t next = 0;
  for (size_t i = 0; i < form.size() && out.size() <= max_value_bytes;) {
    const auto percent = std::min(form.find('%', i), form.size());
    out += form.substr(i, percent - i);
    if (percent == form.size()) break;
    i = percent + 1;
    verb v;
    for (; i < form.size() && std::string_view("-+0# ").find(form[i]) != std::string_view::npos; ++i) {
      if (form[i] == '-') v.minus = true;
      if (form[i] == '+') v.plus = true;
      if (form[i] == '0') v.zero = true;
      if (form[i] == '#') v.sharp = true;
      if (form[i] == ' ') v.space = true;
    }
    v.width = read_number(form, i);
    if (i < form.size() && form[i] == '.') {
      ++i;
      v.precision = std::max(0, read_number(form, i));
    }
    if (i >= form.size()) {
      out += "%!(NOVERB)";
      break;
    }
    v.letter = form[i++];
    if (v.letter == '%') out += '%';
    else if (next >= arguments.size()) out += fmt::format("%!{}(MISSING)", v.letter);
    else out += padded(formatted(arguments[next++], v), v);
  }
  if (next >= arguments.size()) return out;
  out += "%!(EXTRA ";
  for (size_t i = next; i < arguments.size() && out.size() <= max_value_bytes; ++i) out += (i > next ? ", " : "") + arguments[i].type() + "=" + arguments[i].shown();
  return out + ")";
}

std::string print_values(const std::vector<value>& arguments, bool line) {
  std::string out;
  for (size_t i = 0; i < arguments.size() && out.size() <= max_value_bytes; ++i) {
    const bool text = arguments[i].as<std::string>() || (i > 0 && arguments[i - 1].as<std::string>());
    if (i > 0 && (line || !text)) out += ' ';
    out += arguments[i].shown();
  }
  return line ? out + "\n" : out;
}

} // namespace actord::address_template
