#include "api/http/core/filter_syntax.hpp"
#include "runtime/base/quote.hpp"
#include <algorithm>
#include <optional>
#include <set>

namespace actord::filter_syntax {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// A parsing expression grammar, one function per rule, in the order in which Consul's parser tries the alternatives:
// that order decides what an error lists as expected. Every function leaves at_ where it was when it fails.
class parser {
public:
  explicit parser(std::string_view text) : text_(text) {}

  result<node> run() {
    spaces();
    auto tree = disjunction();
    bool complete = tree.has_value();
    if (complete) {
      spaces();
      complete = end();
    }
    if (!errors_.empty()) return error{errc::internal, joined_errors()};
    if (!complete) return error{errc::internal, place(farthest_) + ": no match found, expected: " + expected_list()};
    return std::move(*tree);
  }

private:
  // ---- expressions: `or` binds weaker than `and`, `and` weaker than `not` ----
  std::optional<node> disjunction() { return chain(node::kind::any, "or", &parser::conjunction); }
  std::optional<node> conjunction() { return chain(node::kind::all, "and", &parser::negation); }

  std::optional<node> chain(node::kind what, std::string_view word, std::optional<node> (parser::*part)()) {
    auto first = (this->*part)();
    if (!first) return {};
    node out;
    out.what = what;
    while (true) {
      size_t before = at_;
      std::optional<node> next;
      if (space() && literal(word) && space()) next = (this->*part)();
      if (!next) {
        at_ = before;
        break;
      }
      if (out.children.empty()) out.children.push_back(std::move(*first));
      out.children.push_back(std::move(*next));
    }
    if (out.children.empty()) return first;
    return out;
  }

  std::optional<node> negation() {
    size_t before = at_;
    if (literal("not") && space()) {
      if (!deeper()) return {};
      auto inner = negation();
      --depth_;
      if (inner) {
        node out;
        out.what = node::kind::negation;
        out.children.push_back(std::move(*inner));
        return out;
      }
    }
    at_ = before;
    return grouping();
  }

  std::optional<node> grouping() {
    size_t before = at_;
    bool inside = false;
    size_t after_inside = 0;
    if (literal("(")) {
      if (!deeper()) return {};
      spaces();
      auto inner = disjunction();
      --depth_;
      if (inner) {
        inside = true;
        spaces();
        after_inside = at_;
        if (literal(")")) return inner;
      }
    }
    at_ = before;
    if (auto m = match()) return m;
    if (inside) fail(after_inside, "grouping", "Unmatched parentheses");
    at_ = before;
    return {};
  }

  bool deeper() {
    if (++depth_ <= max_nesting) return true;
    fail(at_, "grouping", "Expression is nested too deeply");
    --depth_;
    return false;
  }

  // ---- one comparison ----
  std::optional<node> match() {
    if (auto m = selector_operator_value()) return m;
    if (auto m = selector_operator()) return m;
    return value_operator_selector();
  }

  std::optional<node> selector_operator_value() {
    size_t before = at_;
    node out;
    if (selector(out.selector)) {
      size_t after = at_;
      for (auto [o, words] : {std::pair{op::equal, "=="}, {op::not_equal, "!="}, {op::in, " contains "}, {op::not_in, " not contains "},
                              {op::matches, " matches "}, {op::not_matches, " not matches "}}) {
        at_ = after;
        if (!phrase(words)) continue;
        out.operation = o;
        if (value(out.value)) return out;
        break;
      }
    }
    at_ = before;
    return {};
  }

  std::optional<node> selector_operator() {
    size_t before = at_;
    node out;
    if (selector(out.selector)) {
      size_t after = at_;
      for (auto [o, words] : {std::pair{op::is_empty, " is empty"}, {op::is_not_empty, " is not empty"}}) {
        at_ = after;
        out.operation = o;
        if (phrase(words)) return out;
      }
    }
    at_ = before;
    return {};
  }

  std::optional<node> value_operator_selector() {
    size_t before = at_;
    node out;
    if (value(out.value)) {
      size_t after = at_;
      for (auto [o, words] : {std::pair{op::in, " in "}, {op::not_in, " not in "}}) {
        at_ = after;
        if (!phrase(words)) continue;
        out.operation = o;
        if (selector(out.selector)) return out;
        fail(at_, "match", "Invalid selector");
        break;
      }
    }
    at_ = before;
    return {};
  }

  // Words of which a space stands for white space that must be there; a phrase without any (== and !=) may have some.
  bool phrase(std::string_view words) {
    if (words.find(' ') == words.npos) {
      spaces();
      if (!literal(words)) return false;
      spaces();
      return true;
    }
    while (!words.empty()) {
      if (words.front() == ' ') {
        if (!space()) return false;
        words.remove_prefix(1);
        continue;
      }
      auto word = words.substr(0, words.find(' '));
      if (!literal(word)) return false;
      words.remove_prefix(word.size());
    }
    return true;
  }

  // ---- operands ----
  bool selector(std::vector<std::string>& out) {
    out.clear();
    std::string part;
    if (!identifier(part)) return false;
    out.push_back(part);
    while (true) {
      size_t before = at_;
      if (literal(".") && identifier(part)) {
        out.push_back(part);
        continue;
      }
      at_ = before;
      if (!index(part)) return true;
      out.push_back(part);
    }
  }

  bool identifier(std::string& out) {
    size_t start = at_;
    if (!one("[a-zA-Z]", is_letter)) return false;
    while (one("[a-zA-Z0-9_]", [](char c) { return is_letter(c) || is_digit(c) || c == '_'; })) {}
    out = text_.substr(start, at_ - start);
    return true;
  }

  bool index(std::string& out) {
    size_t before = at_;
    if (literal("[")) {
      spaces();
      if (string_literal(out)) {
        spaces();
        if (literal("]")) return true;
        fail(at_, "index", "Unclosed index expression");
      } else {
        fail(at_, "index", "Invalid index");
      }
    }
    at_ = before;
    return false;
  }

  bool value(std::string& out) {
    std::vector<std::string> parts;
    if (selector(parts)) {
      out.clear();
      for (auto& p : parts) out += (out.empty() ? "" : ".") + p;
      return true;
    }
    return number(out) || string_literal(out);
  }

  bool number(std::string& out) {
    size_t start = at_;
    if (literal("-")) {}
    if (literal("0")) {
    } else if (one("[1-9]", [](char c) { return c >= '1' && c <= '9'; })) {
      while (digit()) {}
    } else {
      at_ = start;
      return false;
    }
    size_t whole = at_;
    if (!(literal(".") && digit())) at_ = whole;
    else
      while (digit()) {}
    size_t after = at_;
    bool ends = space() || end() || literal(")");
    at_ = after;
    if (!ends) {
      fail(after, "number", "Invalid number literal");
      at_ = start;
      return false;
    }
    out = text_.substr(start, after - start);
    return true;
  }

  bool string_literal(std::string& out) {
    size_t start = at_;
    for (std::string_view quote : {"`", "\""}) {
      if (!literal(quote)) continue;
      size_t close = text_.find(quote[0], at_);
      if (close == text_.npos) {
        at_ = start;
        fail(text_.size(), "string", "Unterminated string literal");
        return false;
      }
      at_ = close + 1;
      if (!unquote(text_.substr(start, at_ - start), out)) {
        fail(start, "string", "invalid syntax");
        out.clear();
      }
      return true;
    }
    return false;
  }

  // ---- terminals, which note what was expected where they fail ----
  bool literal(std::string_view word) {
    if (text_.substr(at_).starts_with(word)) {
      at_ += word.size();
      return true;
    }
    expect(at_, quote(word));
    return false;
  }
  template <class F> bool one(std::string_view shown, F accepts) {
    if (at_ < text_.size() && accepts(text_[at_])) {
      ++at_;
      return true;
    }
    expect(at_, std::string(shown));
    return false;
  }
  bool digit() { return one("[0-9]", is_digit); }
  bool space() {
    size_t before = at_;
    while (one("[ \\t\\r\\n]", is_space)) {}
    return at_ > before;
  }
  void spaces() { (void)space(); }
  bool end() {
    if (at_ == text_.size()) return true;
    expect(at_, "EOF");
    return false;
  }

  // ---- errors ----
  void expect(size_t at, std::string what) {
    if (at < farthest_) return;
    if (at > farthest_) expected_.clear();
    farthest_ = at;
    expected_.insert(std::move(what));
  }
  void fail(size_t at, std::string_view rule, std::string_view text) {
    auto line = place(at) + ": rule \"" + std::string(rule) + "\": " + std::string(text);
    if (errors_.size() < 16 && std::find(errors_.begin(), errors_.end(), line) == errors_.end()) errors_.push_back(std::move(line));
  }
  std::string joined_errors() const {
    std::string out;
    for (auto& e : errors_) out += (out.empty() ? "" : "\n") + e;
    return out;
  }
  std::string expected_list() {
    bool eof = expected_.erase("EOF") > 0;
    std::vector<std::string> all(expected_.begin(), expected_.end());
    if (eof) all.push_back("EOF");
    std::string out;
    for (size_t i = 0; i < all.size(); ++i) out += (i == 0 ? "" : i + 1 == all.size() ? " or " : ", ") + all[i];
    return out;
  }
  // "line:column (offset)"; the column counts characters, and a newline is column 0 of the line that it begins.
  std::string place(size_t at) const {
    size_t line = 1, column = 0;
    for (size_t i = 0; i <= at; ++i) {
      if (i < text_.size() && (static_cast<unsigned char>(text_[i]) & 0xc0) == 0x80) continue;
      ++column;
      if (i < text_.size() && text_[i] == '\n') {
        ++line;
        column = 0;
      }
    }
    return std::to_string(line) + ":" + std::to_string(column) + " (" + std::to_string(at) + ")";
  }

  std::string_view text_;
  size_t at_ = 0, farthest_ = 0;
  int depth_ = 0;
  std::set<std::string> expected_;
  std::vector<std::string> errors_;
};

} // namespace

std::string_view name_of(op o) {
  switch (o) {
  case op::equal: return "Equal";
  case op::not_equal: return "Not Equal";
  case op::in: return "In";
  case op::not_in: return "Not In";
  case op::matches: return "Matches";
  case op::not_matches: return "Not Matches";
  case op::is_empty: return "Is Empty";
  case op::is_not_empty: return "Is Not Empty";
  }
  return "";
}

result<node> parse(std::string_view text) {
  if (text.size() > max_expression_bytes) return error{errc::internal, "Expression is too long"};
  return parser(text).run();
}

} // namespace actord::filter_syntax
