#include "storage/command/interpolation.hpp"
#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <utility>
#include <variant>

namespace actord {

struct interpolation_node {
  enum class kind : uint8_t { text, whole, fraction, variable, call, sum, output };
  enum class type : uint8_t { text, whole, fraction };
  kind what = kind::text;
  type gives = type::text; // what its value is; known once all is parsed
  size_t line = 1, column = 1;
  std::string text; // of a literal, or the name
  int64_t whole = 0;
  double fraction = 0;
  std::string operators; // of a sum: one between each two parts
  std::vector<interpolation_node> parts;
};

namespace {

using node = interpolation_node;
using kind = node::kind;
using type = node::type;

constexpr size_t deepest = 100; // parentheses, calls and strings inside of one another

error syntax_error() { return {errc::bad_request, "parse error: syntax error"}; }
error too_many_parts(size_t most) { return {errc::too_large, fmt::format("more parts than {}", most)}; }
error too_much_text() { return {errc::too_large, "more text than there is room for"}; }

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_operator(char c) { return c == '+' || c == '-' || c == '*' || c == '/' || c == '%'; }

class parser {
public:
  parser(std::string_view text, size_t most_parts) : text_(text), most_(most_parts) {}
  size_t parts() const { return parts_; }
  bool is_full() const { return parts_ > most_; } // then it has stopped

  // Literal text and interpolations, up to the end, or inside of quotes up to the closing one.
  bool output(node& out, bool quoted, size_t depth) {
    if (depth > deepest) return false;
    out.what = kind::output;
    place(out);
    while (at_ < text_.size() && !is_full()) {
      const char c = text_[at_];
      if (quoted && c == '"') return true;
      if (c == '$' && next() == '{') {
        advance(2);
        if (!expression(out.parts.emplace_back(), depth + 1) || !take('}')) return false;
      } else {
        literal(out, quoted);
      }
    }
    return !quoted && !is_full();
  }

private:
  char next() const { return at_ + 1 < text_.size() ? text_[at_ + 1] : '\0'; }
  // Columns count characters from 1; on later lines from 2, as HIL does.
  void advance(size_t bytes = 1) {
    for (; bytes > 0; --bytes, ++at_) {
      if (text_[at_] == '\n') ++line_, column_ = 1;
      if ((static_cast<unsigned char>(text_[at_]) & 0xc0) != 0x80) ++column_;
    }
  }
  void place(node& n) {
    n.line = line_, n.column = column_;
    ++parts_;
  }
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) advance();
  }
  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    advance();
    return true;
  }

  void literal(node& out, bool quoted) {
    if (out.parts.empty() || out.parts.back().what != kind::text) place(out.parts.emplace_back());
    auto& to = out.parts.back().text;
    const char c = text_[at_];
    if (c == '$' && next() == '$') advance();
    else if (quoted && c == '\\' && (next() == '\\' || next() == '"' || next() == 'n')) {
      advance();
      to += next_of_escape();
      return advance();
    }
    to += text_[at_];
    advance();
  }
  char next_of_escape() const { return text_[at_] == 'n' ? '\n' : text_[at_]; }

  bool expression(node& out, size_t depth) {
    if (depth > deepest || !operand(out, depth)) return false;
    bool chained = false;
    for (skip_space(); at_ < text_.size() && is_operator(text_[at_]); skip_space()) {
      if (!std::exchange(chained, true)) out = sum_of(std::move(out));
      out.operators += text_[at_];
      advance();
      if (!operand(out.parts.emplace_back(), depth)) return false;
    }
    return true;
  }
  static node sum_of(node first) {
    node sum;
    sum.what = kind::sum;
    sum.line = first.line, sum.column = first.column;
    sum.parts.push_back(std::move(first));
    return sum;
  }

  bool operand(node& out, size_t depth) {
    place(out); // HIL counts the space before it
    skip_space();
    if (at_ >= text_.size() || depth > deepest || is_full()) return false;
    const char c = text_[at_];
    if (c == '(') {
      advance();
      return expression(out, depth + 1) && take(')');
    }
    if (c == '-') return negative(out, depth);
    if (c == '"') return strings(out, depth);
    if (is_digit(c)) return number(out);
    return is_name_character(c) && name(out, depth);
  }

  bool negative(node& out, size_t depth) {
    const node here = out;
    advance();
    node zero;
    zero.what = kind::whole;
    zero.line = here.line, zero.column = here.column;
    out = sum_of(std::move(zero));
    out.operators = "-";
    return operand(out.parts.emplace_back(), depth + 1);
  }

  bool strings(node& out, size_t depth) {
    out.what = kind::output;
    do {
      advance();
      node one;
      if (!output(one, true, depth + 1) || at_ >= text_.size()) return false;
      advance();
      std::move(one.parts.begin(), one.parts.end(), std::back_inserter(out.parts));
      skip_space();
    } while (at_ < text_.size() && text_[at_] == '"');
    return true;
  }

  bool number(node& out) {
    const size_t from = at_;
    bool fraction = false;
    while (at_ < text_.size() && (is_digit(text_[at_]) || (text_[at_] == '.' && !fraction))) {
      fraction = fraction || text_[at_] == '.';
      advance();
    }
    const auto digits = text_.substr(from, at_ - from);
    if (at_ < text_.size() && is_name_character(text_[at_]) && text_[at_] != '-') return false;
    out.what = fraction ? kind::fraction : kind::whole;
    const auto* end = digits.data() + digits.size();
    if (fraction) return std::from_chars(digits.data(), end, out.fraction).ec == std::errc();
    const auto [stop, fault] = std::from_chars(digits.data(), end, out.whole);
    return fault == std::errc() && stop == end;
  }

  bool name(node& out, size_t depth) {
    out.what = kind::variable;
    for (char last = 0; at_ < text_.size(); advance()) {
      const char c = text_[at_];
      if (!is_name_character(c) && !(c == '*' && last == '.')) break;
      out.text += last = c;
    }
    skip_space();
    if (at_ >= text_.size() || text_[at_] != '(') return true;
    out.what = kind::call;
    advance();
    skip_space();
    if (take(')')) return true;
    do {
      if (!expression(out.parts.emplace_back(), depth + 1)) return false;
    } while (take(','));
    return take(')');
  }

  std::string_view text_;
  const size_t most_;
  size_t at_ = 0, line_ = 1, column_ = 1, parts_ = 0;
};

using value = std::variant<std::string, int64_t, double>;

std::string at(const node& n) { return fmt::format("{}:{}: ", n.line, n.column); }

// Names first, over all of it, as HIL does.
status check_names(const node& n, const interpolation_scope& scope) {
  for (auto& part : n.parts)
    if (auto s = check_names(part, scope); !s) return s;
  if (n.what == kind::variable) {
    const bool there = std::any_of(scope.variables.begin(), scope.variables.end(), [&](auto& v) { return v.first == n.text; });
    if (!there) return error(errc::bad_request, at(n) + "unknown variable accessed: " + n.text);
  }
  if (n.what == kind::call) {
    if (n.text != "match") return error(errc::bad_request, at(n) + "unknown function called: " + n.text);
    if (n.parts.size() != 1) return error(errc::bad_request, at(n) + "match: expected 1 arguments, got " + std::to_string(n.parts.size()));
  }
  return {};
}

type type_of(const node& n) {
  switch (n.what) {
  case kind::whole: return type::whole;
  case kind::fraction: return type::fraction;
  case kind::output: return n.parts.size() == 1 ? n.parts.front().gives : type::text;
  case kind::sum:
    for (auto& part : n.parts)
      if (part.gives != type::text) return part.gives;
    return type::whole;
  default: return type::text;
  }
}

void settle_types(node& n) {
  for (auto& part : n.parts) settle_types(part);
  n.gives = type_of(n);
}

status check_sums(const node& n) {
  for (auto& part : n.parts)
    if (auto s = check_sums(part); !s) return s;
  if (n.what == kind::sum && n.gives == type::fraction && n.operators.find('%') != std::string::npos)
    return error(errc::bad_request, fmt::format("At column {}, line {}: modulo cannot be used with floats", n.column, n.line));
  return {};
}

std::string in_go_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

result<int64_t> to_whole(const value& v) {
  if (auto* w = std::get_if<int64_t>(&v)) return *w;
  if (auto* f = std::get_if<double>(&v)) {
    if (!(std::abs(*f) < 9.2e18)) return std::numeric_limits<int64_t>::min(); // as Go does on this machine
    return static_cast<int64_t>(*f);
  }
  const auto& text = std::get<std::string>(v);
  int64_t out = 0;
  const auto* from = text.data() + (text.starts_with('+') ? 1 : 0);
  const auto [stop, fault] = std::from_chars(from, text.data() + text.size(), out);
  if (fault == std::errc::result_out_of_range)
    return error(errc::bad_request, "__builtin_StringToInt: strconv.ParseInt: parsing " + in_go_quotes(text) + ": value out of range");
  if (fault != std::errc() || stop != text.data() + text.size())
    return error(errc::bad_request, "__builtin_StringToInt: strconv.ParseInt: parsing " + in_go_quotes(text) + ": invalid syntax");
  return out;
}

result<double> to_fraction(const value& v) {
  if (auto* f = std::get_if<double>(&v)) return *f;
  if (auto* w = std::get_if<int64_t>(&v)) return static_cast<double>(*w);
  const auto& text = std::get<std::string>(v);
  double out = 0;
  const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (fault != std::errc() || stop != text.data() + text.size())
    return error(errc::bad_request, "__builtin_StringToFloat: strconv.ParseFloat: parsing " + in_go_quotes(text) + ": invalid syntax");
  return out;
}

// As Go's FormatFloat(f, 'g', -1, 64).
std::string to_text(double f) {
  if (std::isnan(f)) return "NaN";
  if (std::isinf(f)) return f < 0 ? "-Inf" : "+Inf";
  char out[32];
  auto end = std::to_chars(out, out + sizeof out, f, std::chars_format::scientific).ptr;
  int exponent = 0;
  const std::string_view text(out, static_cast<size_t>(end - out));
  const auto sign = text.data() + text.find('e') + 1;
  std::from_chars(sign + (*sign == '+' ? 1 : 0), end, exponent);
  if (exponent >= -4 && exponent < 6) end = std::to_chars(out, out + sizeof out, f, std::chars_format::fixed).ptr;
  return std::string(out, end);
}

std::string to_text(const value& v) {
  if (auto* w = std::get_if<int64_t>(&v)) return std::to_string(*w);
  if (auto* f = std::get_if<double>(&v)) return to_text(*f);
  return std::get<std::string>(v);
}

// Wraps around, as Go's numbers do.
result<int64_t> calculate(int64_t l, char op, int64_t r) {
  const auto a = static_cast<uint64_t>(l), b = static_cast<uint64_t>(r);
  switch (op) {
  case '+': return static_cast<int64_t>(a + b);
  case '-': return static_cast<int64_t>(a - b);
  case '*': return static_cast<int64_t>(a * b);
  default:
    if (r == 0) return error(errc::bad_request, "division by zero"); // the real one's server dies of it
    if (r == -1) return op == '/' ? static_cast<int64_t>(0 - a) : 0;
    return op == '/' ? l / r : l % r;
  }
}
double calculate(double l, char op, double r) { return op == '+' ? l + r : op == '-' ? l - r : op == '*' ? l * r : l / r; }

class evaluation {
public:
  evaluation(const interpolation_scope& scope, size_t& room) : scope_(scope), room_(room) {}
  result<value> value_of(const node& n);
  status check(const node& n);

private:
  result<value> sum(const node& n);
  bool takes(size_t bytes) {
    if (bytes > room_) return false;
    room_ -= bytes;
    return true;
  }
  result<value> text_of(std::string_view text) {
    if (!takes(text.size())) return too_much_text();
    return value(std::string(text));
  }

  const interpolation_scope& scope_;
  size_t& room_; // bytes of text that may still be made
};

result<value> evaluation::sum(const node& n) {
  const bool fraction = n.gives == type::fraction;
  int64_t whole = 0;
  double part = 0;
  for (size_t i = 0; i < n.parts.size(); ++i) {
    auto v = value_of(n.parts[i]);
    if (!v) return v.err();
    if (fraction) {
      auto f = to_fraction(*v);
      if (!f) return f.err();
      part = i == 0 ? *f : calculate(part, n.operators[i - 1], *f);
    } else {
      auto w = to_whole(*v);
      if (!w) return w.err();
      auto next = i == 0 ? w : calculate(whole, n.operators[i - 1], *w);
      if (!next) return next.err();
      whole = *next;
    }
  }
  return fraction ? value(part) : value(whole);
}

result<value> evaluation::value_of(const node& n) {
  switch (n.what) {
  case kind::text: return text_of(n.text);
  case kind::whole: return value(n.whole);
  case kind::fraction: return value(n.fraction);
  case kind::sum: return sum(n);
  case kind::variable:
    return text_of(std::find_if(scope_.variables.begin(), scope_.variables.end(), [&](auto& v) { return v.first == n.text; })->second);
  case kind::call: {
    auto v = value_of(n.parts.front());
    if (!v) return v;
    auto which = to_whole(*v);
    if (!which) return which.err();
    const bool there = *which >= 0 && static_cast<uint64_t>(*which) < scope_.matches.size();
    return text_of(there ? scope_.matches[static_cast<size_t>(*which)] : std::string_view());
  }
  case kind::output: break;
  }
  if (n.parts.size() == 1) return value_of(n.parts.front());
  std::string out;
  for (auto& part : n.parts) {
    auto v = value_of(part);
    if (!v) return v;
    const auto text = to_text(*v);
    if (part.gives != type::text && !takes(text.size())) return too_much_text();
    out += text;
  }
  return value(std::move(out));
}

// What value_of fails for, in its order, but without making a text that nothing is calculated from.
status evaluation::check(const node& n) {
  if (n.what == kind::sum || n.what == kind::call) {
    auto v = value_of(n);
    return v ? status{} : status{v.err()};
  }
  for (auto& part : n.parts)
    if (auto s = check(part); !s) return s;
  return {};
}

status check_static(const node& root, const interpolation_scope& scope) {
  if (auto s = check_names(root, scope); !s) return s;
  return check_sums(root);
}

} // namespace

interpolated_text::interpolated_text(std::unique_ptr<interpolation_node> root, size_t parts) : root_(std::move(root)), parts_(parts) {}
interpolated_text::interpolated_text(interpolated_text&&) noexcept = default;
interpolated_text& interpolated_text::operator=(interpolated_text&&) noexcept = default;
interpolated_text::~interpolated_text() = default;

result<interpolated_text> interpolated_text::parse(std::string_view text, size_t most_parts) {
  auto root = std::make_unique<interpolation_node>();
  parser p(text, most_parts);
  const bool whole = p.output(*root, false, 0);
  if (p.is_full()) return too_many_parts(most_parts);
  if (!whole) return syntax_error();
  settle_types(*root);
  return interpolated_text(std::move(root), p.parts());
}

size_t interpolated_text::weight() const { return parts_ * 2 * sizeof(interpolation_node); }

status interpolated_text::check(const interpolation_scope& scope) const {
  if (auto s = check_static(*root_, scope); !s) return s;
  size_t unbounded = no_limit;
  return evaluation(scope, unbounded).check(*root_);
}

result<std::string> interpolated_text::evaluate(const interpolation_scope& scope, size_t& room) const {
  if (auto s = check_static(*root_, scope); !s) return s.err();
  auto v = evaluation(scope, room).value_of(*root_);
  if (!v) return v.err();
  return to_text(*v);
}

} // namespace actord
