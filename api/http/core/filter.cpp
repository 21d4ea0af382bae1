#include "api/http/core/filter.hpp"
#include "api/http/core/filter_syntax.hpp"
#include "runtime/base/pattern.hpp"
#include "runtime/base/quote.hpp"
#include <cerrno>
#include <cstdlib>
#include <optional>

namespace actord {
namespace syntax = filter_syntax;
using syntax::op;
using kind = shape::kind;

struct filter::compiled {
  syntax::node::kind what = syntax::node::kind::match;
  std::vector<compiled> children{};
  const shape* record = nullptr; // match: what the selector starts at
  op operation = op::equal;
  std::vector<std::string> selector{};
  std::string text{};            // the value; and as a number of the selector's kind:
  int64_t integer = 0;
  uint64_t natural = 0;
  double floating = 0;
  std::optional<pattern> expression{};
};

namespace {

const shape& unboxed(const shape& s) {
  const shape* p = &s;
  while (p->what == kind::box) p = &p->element();
  return *p;
}

const shape::field* field_of(const shape& s, std::string_view name) {
  for (auto& f : s.fields)
    if (f.name == name) return &f;
  return nullptr;
}

bool is_primitive(kind k) { return k == kind::string || k == kind::boolean || k == kind::integer || k == kind::natural || k == kind::floating; }

std::string joined(const std::vector<std::string>& parts, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += (i == 0 ? "" : ".") + parts[i];
  return out;
}

// What the selector ends at. Lists of records are stepped into without an index: any element may match. The error names
// the path up to the part that is no selector.
result<const shape*> resolve(const shape& start, const std::vector<std::string>& selector) {
  const shape* at = &unboxed(start);
  for (size_t i = 0; i < selector.size(); ++i) {
    while (at->what == kind::list) at = &unboxed(at->element());
    const shape* next = nullptr;
    if (at->what == kind::record) {
      if (auto* f = field_of(*at, selector[i])) next = &unboxed(f->type());
    } else if (at->what == kind::map) {
      next = &unboxed(at->element());
    }
    if (!next || next->what == kind::none)
      return error{errc::internal, "Selector " + quote(joined(selector, i + 1)) + " is not valid"};
    at = next;
  }
  return at;
}

bool supports(const shape& s, op o) {
  const bool has_in = o == op::in || o == op::not_in, has_empty = o == op::is_empty || o == op::is_not_empty;
  switch (s.what) {
  case kind::string: return !has_empty;
  case kind::boolean:
  case kind::integer:
  case kind::natural:
  case kind::floating: return o == op::equal || o == op::not_equal;
  case kind::list: return has_empty || (has_in && is_primitive(unboxed(s.element()).what));
  case kind::map: return has_empty || has_in;
  default: return false;
  }
}

// Go's ParseInt and ParseUint with base 0: 0x, 0o, 0b and 0 prefixes, and underscores between digits.
enum class number_fault { none, syntax, range };
number_fault parse_magnitude(std::string_view s, uint64_t& out) {
  unsigned base = 10;
  bool based = false;
  if (s.size() > 1 && s[0] == '0') {
    char c = static_cast<char>(s[1] | 0x20);
    base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
    based = true;
    s.remove_prefix(c == 'x' || c == 'b' || c == 'o' ? 2 : 1);
  }
  if (s.empty()) return number_fault::syntax;
  out = 0;
  bool digit_before = based, overflow = false;
  for (char c : s) {
    if (c == '_') {
      if (!digit_before) return number_fault::syntax;
      digit_before = false;
      continue;
    }
    char l = static_cast<char>(c | 0x20);
    unsigned d = c >= '0' && c <= '9' ? static_cast<unsigned>(c - '0') : l >= 'a' && l <= 'z' ? static_cast<unsigned>(l - 'a') + 10 : 99;
    if (d >= base) return number_fault::syntax;
    digit_before = true;
    overflow = overflow || __builtin_mul_overflow(out, uint64_t{base}, &out) || __builtin_add_overflow(out, uint64_t{d}, &out);
  }
  if (!digit_before) return number_fault::syntax;
  return overflow ? number_fault::range : number_fault::none;
}

number_fault parse_integer(std::string_view s, int64_t& out) {
  bool negative = s.starts_with('-');
  if (negative || s.starts_with('+')) s.remove_prefix(1);
  uint64_t m = 0;
  if (auto f = parse_magnitude(s, m); f != number_fault::none) return f;
  if (m > uint64_t{INT64_MAX} + (negative ? 1 : 0)) return number_fault::range;
  out = static_cast<int64_t>(negative ? 0 - m : m);
  return number_fault::none;
}

number_fault parse_floating(const std::string& s, double& out) {
  if (s.empty() || s.front() == ' ' || s.front() == '\t' || s.front() == '\n') return number_fault::syntax;
  char* end = nullptr;
  errno = 0;
  out = std::strtod(s.c_str(), &end);
  if (end != s.c_str() + s.size()) return number_fault::syntax;
  return errno == ERANGE ? number_fault::range : number_fault::none;
}

bool parse_boolean(std::string_view s, bool& out) {
  for (auto t : {"1", "t", "T", "TRUE", "true", "True"})
    if (s == t) return out = true, true;
  for (auto f : {"0", "f", "F", "FALSE", "false", "False"})
    if (s == f) return out = false, true;
  return false;
}

// Sets the value as the kind that it is compared with.
status coerce(filter::compiled& c, kind k) {
  number_fault fault = number_fault::none;
  std::string_view function;
  if (k == kind::integer) {
    fault = parse_integer(c.text, c.integer);
    function = "ParseInt";
  } else if (k == kind::natural) {
    fault = parse_magnitude(c.text, c.natural);
    function = "ParseUint";
  } else if (k == kind::floating) {
    fault = parse_floating(c.text, c.floating);
    function = "ParseFloat";
  } else if (k == kind::boolean) {
    bool b = false;
    fault = parse_boolean(c.text, b) ? number_fault::none : number_fault::syntax;
    c.integer = b;
    function = "ParseBool";
  }
  if (fault == number_fault::none) return {};
  auto value = quote(c.text);
  return error{errc::internal, "Failed to coerce value " + value + " for selector " + quote(joined(c.selector, c.selector.size())) +
                                   ": strconv." + std::string(function) + ": parsing " + value + ": " +
                                   (fault == number_fault::syntax ? "invalid syntax" : "value out of range")};
}

// What the regular expressions of a filter may come to, since compiling them takes 20 microseconds each and as many again per thousand
// steps. What a person writes has a few, of fifty steps.
struct pattern_budget {
  size_t patterns = 64, steps = 20000, weight = 32 << 10;
  bool take(std::string_view text) { // before it is compiled: one that turns out to be too large may have taken long by then
    const size_t its = pattern::weight_of(text);
    if (its > weight) return false;
    weight -= its;
    return true;
  }
  bool take(const pattern& p) {
    if (patterns == 0 || p.size() > steps) return false;
    --patterns;
    steps -= p.size();
    return true;
  }
};

status compile_match(const shape& record, syntax::node& n, filter::compiled& out, pattern_budget& left) {
  auto end = resolve(record, n.selector);
  if (!end) return end.err();
  if (!supports(**end, n.operation))
    return error{errc::internal, "Invalid match operator \"" + std::string(name_of(n.operation)) + "\" for selector " +
                                     quote(joined(n.selector, n.selector.size()))};
  out.record = &record;
  out.operation = n.operation;
  out.selector = std::move(n.selector);
  out.text = std::move(n.value);
  if (n.operation == op::matches || n.operation == op::not_matches) {
    const auto refuse = [&](const std::string& why) { return error{errc::internal, "Failed to compile regular expression " + quote(out.text) + ": " + why}; };
    constexpr const char* too_large = "all of the filter together are too large";
    if (!left.take(std::string_view(out.text))) return refuse(too_large);
    auto compiled = pattern::compile(out.text);
    if (!compiled) return refuse(compiled.err().text);
    if (!left.take(*compiled)) return refuse(too_large);
    out.expression = std::move(*compiled);
    return {};
  }
  if (n.operation == op::is_empty || n.operation == op::is_not_empty) return {};
  const shape& compared = (*end)->what == kind::list ? unboxed((*end)->element()) : **end;
  return coerce(out, compared.what);
}

status compile_node(const shape& record, syntax::node& n, filter::compiled& out, pattern_budget& left) {
  out.what = n.what;
  if (n.what == syntax::node::kind::match) return compile_match(record, n, out, left);
  for (auto& child : n.children)
    if (auto s = compile_node(record, child, out.children.emplace_back(), left); !s) return s;
  return {};
}

// ---- evaluation ----

// Follows boxes. A nil box ends at null: Consul's structs never hold one where a selector goes on.
const void* unbox(const shape*& s, const void* p) {
  while (p && s->what == kind::box) {
    p = s->target(p);
    s = &s->element();
  }
  return p;
}

bool equals(const filter::compiled& c, const shape& s, const void* p) {
  switch (s.what) {
  case kind::string: return *static_cast<const std::string*>(p) == c.text;
  case kind::boolean:
  case kind::integer: return s.integer(p) == c.integer;
  case kind::natural: return s.natural(p) == c.natural;
  case kind::floating: return s.floating(p) == c.floating;
  default: return false;
  }
}

bool holds(const filter::compiled& c, const shape& s, const void* p) {
  if (s.what == kind::string) return static_cast<const std::string*>(p)->find(c.text) != std::string::npos;
  if (s.what == kind::map) return s.find(p, c.text) != nullptr;
  for (size_t i = 0, n = s.size(p); i < n; ++i) {
    const shape* element = &s.element();
    const void* e = unbox(element, s.at(p, i));
    if (e && equals(c, *element, e)) return true;
  }
  return false;
}

bool compare(const filter::compiled& c, const shape& s, const void* p) {
  switch (c.operation) {
  case op::equal: return equals(c, s, p);
  case op::not_equal: return !equals(c, s, p);
  case op::in: return holds(c, s, p);
  case op::not_in: return !holds(c, s, p);
  case op::is_empty: return s.size(p) == 0;
  case op::is_not_empty: return s.size(p) != 0;
  case op::matches: return c.expression->matches(*static_cast<const std::string*>(p));
  case op::not_matches: return !c.expression->matches(*static_cast<const std::string*>(p));
  }
  return false;
}

// What a selector over an absent map key gives; that `matches` is true then is Consul's doing.
bool absent(op o) { return o != op::equal && o != op::is_not_empty && o != op::in; }

bool walk(const filter::compiled& c, const shape* s, const void* p, size_t depth) {
  p = unbox(s, p);
  if (!p) return absent(c.operation);
  if (depth == c.selector.size()) return compare(c, *s, p);
  if (s->what == kind::record) {
    auto* f = field_of(*s, c.selector[depth]);
    return f && walk(c, &f->type(), static_cast<const char*>(p) + f->offset, depth + 1);
  }
  if (s->what == kind::map) {
    auto* value = s->find(p, c.selector[depth]);
    return value ? walk(c, &s->element(), value, depth + 1) : absent(c.operation);
  }
  if (s->what != kind::list) return false;
  for (size_t i = 0, n = s->size(p); i < n; ++i)
    if (walk(c, &s->element(), s->at(p, i), depth)) return true;
  return false;
}

bool evaluate(const filter::compiled& c, const void* record) {
  using n = syntax::node::kind;
  switch (c.what) {
  case n::negation: return !evaluate(c.children[0], record);
  case n::all:
    for (auto& child : c.children)
      if (!evaluate(child, record)) return false;
    return true;
  case n::any:
    for (auto& child : c.children)
      if (evaluate(child, record)) return true;
    return false;
  case n::match: return walk(c, c.record, record, 0);
  }
  return false;
}

} // namespace

result<filter> filter::compile_for(const shape& s, std::string_view expression) {
  filter out;
  if (expression.empty()) return out;
  static constexpr const char* prefix = "Failed to create boolean expression evaluator: ";
  auto tree = syntax::parse(expression);
  if (!tree) return error{errc::internal, prefix + tree.err().text};
  auto root = std::make_shared<compiled>();
  pattern_budget left;
  if (auto done = compile_node(s, *tree, *root, left); !done) return error{errc::internal, prefix + done.err().text};
  out.root_ = std::move(root);
  return out;
}

bool filter::matches_erased(const void* record) const { return !root_ || evaluate(*root_, record); }

} // namespace actord
