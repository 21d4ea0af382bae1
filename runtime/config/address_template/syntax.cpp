#include "runtime/config/address_template/syntax.hpp"
#include "runtime/base/quote.hpp"
#include "runtime/base/utf8.hpp"
#include "runtime/config/address_template/lexer.hpp"
#include "runtime/config/address_template/number.hpp"
#include <algorithm>
#include <optional>

namespace actord::address_template {
namespace {

using is = token::kind;
using nodes = std::vector<node>;

// Thrown nowhere: the first error is kept, and everybody returns.
class parser {
public:
  explicit parser(std::string_view text) : text_(text), tokens_(split(text)) {}

  result<node> run() {
    node top{node::kind::list, 0};
    bool ended = false;
    while (!error_ && !ended) {
      if (next_is(is::end)) break;
      auto stop = item(top, 0);
      if (stop && !error_) fail("unexpected {{" + stop->text + "}}");
    }
    if (error_) return *error_;
    return top;
  }

private:
  // ---- tokens ----
  const token& peek() const { return tokens_[std::min(at_, tokens_.size() - 1)]; }
  const token& take() { return tokens_[std::min(at_++, tokens_.size() - 1)]; }
  bool next_is(is what) const { return peek().what == what; }
  void skip_spaces() {
    while (next_is(is::space)) ++at_;
  }
  const token& peek_word() {
    skip_spaces();
    return peek();
  }

  void fail(const std::string& why) {
    if (error_) return;
    const auto here = at_ == 0 ? 0 : tokens_[std::min(at_, tokens_.size()) - 1].at;
    const auto line = 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(std::min(here, text_.size())), '\n');
    error_ = error{errc::bad_request, std::to_string(line) + ": " + why};
  }
  void unexpected(const token& t, const std::string& where) { fail("unexpected " + t.shown() + " in " + where); }
  void expect_right(const std::string& where) {
    skip_spaces();
    const auto& t = take();
    if (t.what != is::right) unexpected(t, where);
  }

  // ---- actions ----
  // One text or action into the list; the token when it was {{end}} or {{else}}, which stay to be finished by the caller.
  std::optional<token> item(node& into, int depth) {
    const auto& t = take();
    if (t.what == is::text) {
      into.children.push_back({node::kind::text, t.at, t.text});
      return std::nullopt;
    }
    if (t.what != is::left) {
      unexpected(t, "input");
      return std::nullopt;
    }
    const auto first = peek_word();
    switch (first.what) {
    case is::word_end:
      ++at_;
      expect_right("end");
      return first;
    case is::word_else:
      ++at_;
      if (peek_word().what != is::word_if) expect_right("else");
      return first;
    case is::word_if:
    case is::word_range:
    case is::word_with:
      ++at_;
      into.children.push_back(branch(first, depth + 1));
      return std::nullopt;
    default: break;
    }
    if (first.what == is::identifier && (first.text == "define" || first.text == "template" || first.text == "block")) {
      fail("{{" + first.text + "}} is not supported in addresses");
      return std::nullopt;
    }
    node action{node::kind::action, first.at};
    action.children.push_back(pipeline("command", depth));
    if (!error_ && take().what != is::right) unexpected(tokens_[at_ - 1], "input");
    into.children.push_back(std::move(action));
    return std::nullopt;
  }

  std::optional<token> items(node& into, int depth) {
    while (!error_) {
      if (next_is(is::end)) {
        ++at_;
        fail("unexpected EOF");
        break;
      }
      if (auto stop = item(into, depth)) return stop;
    }
    return std::nullopt;
  }

  node branch(const token& word, int depth) {
    node out{node::kind::branch, word.at, word.text};
    if (depth > max_nesting) {
      fail("too deeply nested");
      return out;
    }
    const auto scope = variables_.size();
    out.children.push_back(pipeline(word.text, depth));
    if (!error_ && take().what != is::right) unexpected(tokens_[at_ - 1], "input");
    out.children.push_back({node::kind::list, peek().at});
    auto stop = items(out.children[1], depth);
    if (stop && stop->what == is::word_else) {
      out.children.push_back({node::kind::list, peek().at});
      if (next_is(is::word_if) && word.what == is::word_if) {
        const auto inner = take();
        out.children[2].children.push_back(branch(inner, depth + 1)); // its {{end}} is ours
      } else if (next_is(is::word_if)) {
        unexpected(take(), "input");
      } else if (auto end = items(out.children[2], depth); end && end->what == is::word_else) {
        fail("expected end; found {{else}}");
      }
    }
    variables_.resize(scope);
    return out;
  }

  // ---- pipelines ----
  node pipeline(const std::string& where, int depth) {
    node out{node::kind::pipeline, peek_word().at};
    if (depth > max_nesting) {
      fail("too deeply nested");
      return out;
    }
    declarations(out, where);
    while (!error_) {
      const auto& t = peek_word();
      switch (t.what) {
      case is::right:
      case is::right_paren:
        check(out, where);
        return out;
      case is::boolean:
      case is::character:
      case is::dot:
      case is::field:
      case is::identifier:
      case is::number:
      case is::nil:
      case is::raw_string:
      case is::string:
      case is::variable:
      case is::left_paren: out.children.push_back(command(depth)); break;
      default: unexpected(take(), where);
      }
    }
    return out;
  }

  void declarations(node& out, const std::string& where) {
    while (!error_ && peek_word().what == is::variable) {
      const auto before = at_;
      const auto name = take().text;
      const auto& after = peek_word();
      if (after.what == is::assign || after.what == is::declare) {
        out.assigns = after.what == is::assign;
        ++at_;
        out.names.push_back(name);
        variables_.push_back(name);
        return;
      }
      if (after.what != is::other || after.text != ",") {
        at_ = before;
        return;
      }
      ++at_;
      out.names.push_back(name);
      variables_.push_back(name);
      if (where != "range" || out.names.size() >= 2) return fail("too many declarations in " + where);
      if (const auto& t = peek_word(); t.what != is::variable && t.what != is::right && t.what != is::right_paren)
        return fail("range can only initialize variables");
    }
  }

  void check(const node& pipe, const std::string& where) {
    if (pipe.children.empty()) return fail("missing value for " + where);
    for (size_t i = 1; i < pipe.children.size(); ++i) {
      const auto first = pipe.children[i].children[0].what;
      using k = node::kind;
      if (first == k::boolean || first == k::dot || first == k::nil || first == k::number || first == k::string)
        return fail("non executable command in pipeline stage " + std::to_string(i + 1));
    }
  }

  node command(int depth) {
    node out{node::kind::command, peek_word().at};
    while (!error_) {
      skip_spaces();
      if (auto o = operand(depth)) out.children.push_back(std::move(*o));
      if (error_) break;
      const auto& t = take();
      if (t.what == is::space) continue;
      if (t.what == is::right || t.what == is::right_paren) --at_;
      else if (t.what == is::error) fail(t.text);
      else if (t.what != is::pipe) fail("unexpected " + t.shown() + " in operand");
      break;
    }
    if (out.children.empty()) fail("empty command");
    return out;
  }

  std::optional<node> operand(int depth) {
    auto out = term(depth);
    if (!out || error_ || !next_is(is::field)) return out;
    using k = node::kind;
    if (out->what == k::boolean || out->what == k::string || out->what == k::number || out->what == k::nil || out->what == k::dot) {
      fail("unexpected . after term " + quote(out->shown()));
      return out;
    }
    const auto at = peek().at;
    if (out->what != k::field && out->what != k::variable) {
      node chain{k::chain, at};
      chain.children.push_back(std::move(*out));
      out = std::move(chain);
    }
    out->at = at;
    while (next_is(is::field)) out->names.push_back(take().text.substr(1));
    return out;
  }

  std::optional<node> term(int depth) {
    skip_spaces();
    const auto t = take();
    switch (t.what) {
    case is::error: fail(t.text); break;
    case is::identifier:
      if (!is_function(t.text)) fail("function " + quote(t.text) + " not defined");
      return node{node::kind::identifier, t.at, t.text};
    case is::dot: return node{node::kind::dot, t.at, t.text};
    case is::nil: return node{node::kind::nil, t.at, t.text};
    case is::variable:
      if (t.text != "$" && std::find(variables_.begin(), variables_.end(), t.text) == variables_.end()) fail("undefined variable " + quote(t.text));
      return node{node::kind::variable, t.at, {}, {}, {t.text}};
    case is::field: return node{node::kind::field, t.at, {}, {}, {t.text.substr(1)}};
    case is::boolean: return node{node::kind::boolean, t.at, t.text};
    case is::character:
    case is::number:
      if (auto why = constant::parse(t.text); !why) fail(why.err().text);
      return node{node::kind::number, t.at, t.text};
    case is::left_paren: {
      auto inner = pipeline("parenthesized pipeline", depth + 1);
      if (!error_ && take().what != is::right_paren) fail("unclosed right paren: unexpected " + tokens_[at_ - 1].shown());
      return inner;
    }
    case is::string:
    case is::raw_string: {
      node out{node::kind::string, t.at, t.text};
      if (!unquote(t.text, out.value)) fail("invalid syntax");
      return out;
    }
    default: --at_;
    }
    return std::nullopt;
  }

  std::string_view text_;
  std::vector<token> tokens_;
  size_t at_ = 0;
  std::vector<std::string> variables_;
  std::optional<error> error_;
};

std::string joined(const nodes& all, const char* between) {
  std::string out;
  for (auto& n : all) {
    if (!out.empty()) out += between;
    out += n.what == node::kind::pipeline ? "(" + n.shown() + ")" : n.shown();
  }
  return out;
}

} // namespace

std::string node::shown() const {
  const auto fields = [&](size_t from) {
    std::string out;
    for (size_t i = from; i < names.size(); ++i) out += "." + names[i];
    return out;
  };
  switch (what) {
  case kind::field: return fields(0);
  case kind::variable: return names[0] + fields(1);
  case kind::chain: return joined(children, "") + fields(0);
  case kind::command: return joined(children, " ");
  case kind::pipeline: {
    std::string out;
    for (auto& n : names) out += (out.empty() ? "" : ", ") + n;
    return (out.empty() ? "" : out + " := ") + joined(children, " | ");
  }
  default: return word;
  }
}

result<node> parse(std::string_view text) {
  if (text.size() > max_template_bytes) return error{errc::bad_request, "1: the template is longer than 65,536 bytes"};
  return parser(text).run();
}

} // namespace actord::address_template
