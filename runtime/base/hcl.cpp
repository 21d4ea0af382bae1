#include "runtime/base/hcl.hpp"
#include "runtime/base/text_hash.hpp"
#include "runtime/base/utf8.hpp"
#include <charconv>
#include <unordered_map>

namespace actord {
namespace {

enum class token_kind : uint8_t {
  eof, ident, number, real, boolean, string, heredoc, left_bracket, right_bracket, left_brace, right_brace, comma,
  assign, period, add, sub, illegal
};

std::string_view name_of(token_kind k) {
  constexpr std::string_view names[] = {"EOF",    "IDENT",  "NUMBER", "FLOAT", "BOOL",   "STRING", "HEREDOC", "LBRACK", "RBRACK",
                                        "LBRACE", "RBRACE", "COMMA",  "ASSIGN", "PERIOD", "ADD",    "SUB",     "ILLEGAL"};
  return names[static_cast<size_t>(k)];
}

struct position {
  uint32_t line = 1, column = 0;
  std::string text() const { return std::to_string(line) + ":" + std::to_string(column); }
};

struct token {
  token_kind kind = token_kind::eof;
  position at;
  std::string raw;   // as it stands, for messages
  std::string value; // of strings and heredocs, decoded
};

bool is_digit(int c) { return c >= '0' && c <= '9'; }
bool is_letter(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80; }
int hex_digit(int c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class scanner {
public:
  explicit scanner(std::string_view text) : text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  // The next token that is no comment. After an error every token is the end.
  token next();
  const std::string& failure() const { return failure_; }

private:
  static constexpr int end = -1;
  int peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? static_cast<unsigned char>(text_[at_ + ahead]) : end;
  }
  // Reads a byte; pos_ becomes where it stands. The end counts as a column, each time it is read, as in HCL's own
  // messages.
  int take() {
    if (fresh_line_) {
      ++pos_.line;
      pos_.column = 0;
      fresh_line_ = false;
    }
    const int c = peek();
    if (c == end || (c & 0xC0) != 0x80) ++pos_.column;
    if (c == end) return end;
    ++at_;
    fresh_line_ = c == '\n';
    return c;
  }
  // The look-ahead that ends a word is read and put back, but not the end of the text.
  void look_past_word() {
    if (peek() == end) take();
  }
  void fail(std::string_view why) {
    if (failure_.empty()) failure_ = "At " + pos_.text() + ": " + std::string(why);
  }
  bool skip_blank(); // whitespace and comments; false on error
  bool skip_comment();
  void scan_number(token& t, int first);
  void scan_string(token& t);
  void scan_escape(std::string& out);
  void scan_heredoc(token& t);

  std::string_view text_;
  size_t at_ = 0;
  position pos_;
  bool fresh_line_ = false;
  std::string failure_;
};

bool scanner::skip_comment() {
  if (take() == '/') {
    if (peek() == '*') {
      take();
      for (int previous = 0;;) {
        const int c = take();
        if (c == end) {
          fail("comment not terminated");
          return false;
        }
        if (previous == '*' && c == '/') return true;
        previous = c;
      }
    }
    if (peek() != '/') {
      take();
      fail("expected '/' for comment");
      return false;
    }
  }
  while (peek() != '\n' && peek() != end) take();
  return true;
}

bool scanner::skip_blank() {
  for (;;) {
    const int c = peek();
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') take();
    else if (c != '#' && c != '/') return true;
    else if (!skip_comment()) return false;
  }
}

void scanner::scan_number(token& t, int first) {
  t.kind = token_kind::number;
  if (first == '0' && (peek() == 'x' || peek() == 'X')) {
    t.raw += static_cast<char>(take());
    if (hex_digit(peek()) < 0) return fail("illegal hexadecimal number");
    while (hex_digit(peek()) >= 0) t.raw += static_cast<char>(take());
    return look_past_word();
  }
  while (is_digit(peek())) t.raw += static_cast<char>(take());
  if (peek() == '.' && is_digit(peek(1))) {
    t.kind = token_kind::real;
    do t.raw += static_cast<char>(take());
    while (is_digit(peek()));
  }
  if (peek() == 'e' || peek() == 'E') {
    t.kind = token_kind::real;
    t.raw += static_cast<char>(take());
    if (peek() == '+' || peek() == '-') t.raw += static_cast<char>(take());
    if (!is_digit(peek())) return fail("illegal exponent");
    while (is_digit(peek())) t.raw += static_cast<char>(take());
  }
  look_past_word();
}

void scanner::scan_escape(std::string& out) {
  constexpr std::string_view letters = "abfnrtv\\\"", bytes = "\a\b\f\n\r\t\v\\\"";
  const int c = take();
  if (const auto i = c == end ? std::string_view::npos : letters.find(static_cast<char>(c)); i != std::string_view::npos) {
    out += bytes[i];
    return;
  }
  const int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : c >= '0' && c <= '7' ? 3 : 0;
  if (digits == 0) return fail("illegal char escape");
  const int base = digits == 3 ? 8 : 16;
  uint32_t code = digits == 3 ? static_cast<uint32_t>(c - '0') : 0;
  for (int i = digits == 3 ? 1 : 0; i < digits; ++i) {
    const int d = hex_digit(take());
    if (d < 0 || d >= base) return fail("illegal char escape");
    code = code * static_cast<uint32_t>(base) + static_cast<uint32_t>(d);
  }
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return fail("illegal char escape");
  append_utf8(out, code);
}

void scanner::scan_string(token& t) {
  t.kind = token_kind::string;
  const size_t begin = at_ - 1;
  for (int braces = 0;;) {
    const int c = take();
    if (c == end || (c == '\n' && braces == 0)) return fail("literal not terminated");
    if (c == '"' && braces == 0) break;
    if (c == '\\' && braces == 0) {
      scan_escape(t.value);
      if (!failure_.empty()) return;
      continue;
    }
    // An interpolation is kept as it is, quotes and all.
    t.value += static_cast<char>(c);
    if (braces == 0 && c == '$' && peek() == '{') {
      t.value += static_cast<char>(take());
      ++braces;
    } else if (braces > 0 && c == '{') ++braces;
    else if (braces > 0 && c == '}') --braces;
  }
  t.raw = text_.substr(begin, at_ - begin);
}

// <<EOF up to a line that is EOF but for the indentation. <<-EOF takes the closing line's indentation off every line,
// when every line has it.
void scanner::scan_heredoc(token& t) {
  t.kind = token_kind::heredoc;
  if (take() != '<') return fail("heredoc expected second '<', didn't see it");
  bool indented = false;
  if (peek() == '-') {
    take();
    indented = true;
  }
  std::string marker;
  while (is_letter(peek()) || is_digit(peek())) marker += static_cast<char>(take());
  if (peek() == '\r' && peek(1) == '\n') take();
  if (take() != '\n') return fail("invalid characters in heredoc anchor");
  if (marker.empty()) return fail("zero-length heredoc anchor");
  std::vector<std::string> lines;
  std::string prefix;
  for (;;) {
    std::string line;
    while (peek() != '\n' && peek() != end) line += static_cast<char>(take());
    const auto word = line.find_first_not_of(" \t");
    auto rest = word == std::string::npos ? std::string_view() : std::string_view(line).substr(word);
    if (rest.ends_with('\r')) rest.remove_suffix(1);
    if (rest == marker) {
      prefix = line.substr(0, word);
      break;
    }
    if (take() == end) return fail("heredoc not terminated");
    lines.push_back(std::move(line) + "\n");
  }
  for (auto& line : lines) indented = indented && line.starts_with(prefix);
  for (auto& line : lines) t.value += indented ? line.substr(prefix.size()) : line;
}

token scanner::next() {
  token t;
  if (!failure_.empty() || !skip_blank()) return t;
  const int c = take();
  t.at = pos_;
  if (c == end) return t;
  t.raw = std::string(1, static_cast<char>(c));
  if (is_letter(c)) {
    while (is_letter(peek()) || is_digit(peek()) || peek() == '-' || peek() == '.') t.raw += static_cast<char>(take());
    look_past_word();
    t.kind = t.raw == "true" || t.raw == "false" ? token_kind::boolean : token_kind::ident;
    return t;
  }
  if (is_digit(c) || (c == '-' && is_digit(peek()))) {
    if (c == '-') t.raw += static_cast<char>(take());
    scan_number(t, t.raw.back());
    return t;
  }
  switch (c) {
    case '"': scan_string(t); break;
    case '<': scan_heredoc(t); break;
    case '[': t.kind = token_kind::left_bracket; break;
    case ']': t.kind = token_kind::right_bracket; break;
    case '{': t.kind = token_kind::left_brace; break;
    case '}': t.kind = token_kind::right_brace; break;
    case ',': t.kind = token_kind::comma; break;
    case '=': t.kind = token_kind::assign; break;
    case '.': t.kind = token_kind::period; break;
    case '+': t.kind = token_kind::add; break;
    case '-': t.kind = token_kind::sub; break;
    case 0: t.kind = token_kind::illegal; fail("unexpected null character (0x00)"); break;
    default: t.kind = token_kind::illegal; fail("illegal char");
  }
  return t;
}

class parser {
public:
  parser(std::string_view text, std::shared_ptr<const std::string> file, const value_limits& limits)
      : scan_(text), file_(std::move(file)), limits_(limits) {}

  result<config_value> document() {
    auto root = make(config_value::of_object(), 1);
    const bool complete = members(root, false, 0);
    if (!scan_.failure().empty()) return error{errc::corrupt, scan_.failure()};
    if (!complete) return error{errc::corrupt, failure_};
    return root;
  }

private:
  enum class outcome : uint8_t { item, end, failed };

  token next() {
    if (held_) {
      held_ = false;
      return last_;
    }
    return last_ = scan_.next();
  }
  void put_back() { held_ = true; }
  bool fail(const position& at, std::string_view why) {
    if (failure_.empty()) failure_ = "At " + at.text() + ": " + std::string(why);
    return false;
  }
  config_value make(config_value v, uint32_t line) {
    v.line = line;
    v.file = file_;
    return v;
  }
  bool enter(const position& at, size_t depth) {
    return depth <= limits_.max_depth ? true : fail(at, "nested too deeply");
  }
  bool members(config_value& object, bool braced, size_t depth);
  outcome keys(std::vector<token>& found);
  outcome item(config_value& object, text_map<size_t>& places, size_t depth);
  outcome value(config_value& out, size_t depth);
  bool object_body(config_value& out, const position& at, size_t depth);
  bool list_body(config_value& out, const position& at, size_t depth);
  bool literal(const token& t, config_value& out);

  scanner scan_;
  std::shared_ptr<const std::string> file_;
  value_limits limits_;
  token last_;
  bool held_ = false;
  std::string failure_;
  size_t nodes_ = 0;
};

// A second block makes a list of objects, a second list is appended, a second scalar replaces the first.
void merge_repeated(config_value& into, config_value&& v) {
  if (v.is_object() && into.is_object()) {
    auto list = config_value::of_list();
    list.line = into.line;
    list.file = into.file;
    list.list.push_back(std::move(into));
    list.list.push_back(std::move(v));
    into = std::move(list);
  } else if (v.is_object() && into.is_list()) {
    into.list.push_back(std::move(v));
  } else if (v.is_list() && into.is_list()) {
    for (auto& e : v.list) into.list.push_back(std::move(e));
  } else {
    into = std::move(v);
  }
}

bool parser::members(config_value& object, bool braced, size_t depth) {
  text_map<size_t> places; // of the keys, so that many of them stay cheap
  for (;;) {
    if (braced) {
      const bool closing = next().kind == token_kind::right_brace;
      put_back();
      if (closing) return true;
    }
    switch (item(object, places, depth)) {
      case outcome::failed: return false;
      case outcome::end: return true;
      case outcome::item: break;
    }
    if (next().kind != token_kind::comma) put_back();
  }
}

parser::outcome parser::keys(std::vector<token>& found) {
  for (;;) {
    auto t = next();
    switch (t.kind) {
      case token_kind::eof: return outcome::end;
      case token_kind::assign:
        if (found.size() > 1) fail(t.at, "nested object expected: LBRACE got: ASSIGN");
        else if (found.empty()) fail(t.at, "no object keys found!");
        else return outcome::item;
        return outcome::failed;
      case token_kind::left_brace:
        if (!found.empty()) return outcome::item;
        fail(t.at, "expected: IDENT | STRING got: LBRACE");
        return outcome::failed;
      case token_kind::ident:
      case token_kind::string:
        if (found.size() >= limits_.max_depth) {
          fail(t.at, "too many labels");
          return outcome::failed;
        }
        found.push_back(std::move(t));
        break;
      default:
        // Keys without a value before a closing brace get the message about the value.
        if (t.kind == token_kind::right_brace && !found.empty()) return outcome::end;
        fail(t.at, "expected: IDENT | STRING | ASSIGN | LBRACE got: " + std::string(name_of(t.kind)));
        return outcome::failed;
    }
  }
}

parser::outcome parser::item(config_value& object, text_map<size_t>& places, size_t depth) {
  std::vector<token> names;
  const auto found = keys(names);
  if (found == outcome::failed || (found == outcome::end && names.empty())) return found;
  if (found == outcome::end) {
    std::string all;
    for (auto& n : names) all += (all.empty() ? "" : " ") + n.raw;
    fail(last_.at, "key '" + all + "' expected start of object ('{') or assignment ('=')");
    return outcome::failed;
  }
  if (!enter(names[0].at, depth + names.size())) return outcome::failed;
  config_value v;
  if (last_.kind == token_kind::assign) {
    if (const auto got = value(v, depth + 1); got != outcome::item) return got;
  } else if (!object_body(v, last_.at, depth + names.size())) {
    return outcome::failed;
  }
  for (size_t i = names.size(); i-- > 1;) {
    auto outer = make(config_value::of_object(), names[i].at.line);
    outer.object.emplace_back(names[i].kind == token_kind::string ? names[i].value : names[i].raw, std::move(v));
    v = std::move(outer);
  }
  auto& first = names[0].kind == token_kind::string ? names[0].value : names[0].raw;
  auto [it, fresh] = places.try_emplace(first, object.object.size());
  if (fresh) object.object.emplace_back(first, std::move(v));
  else merge_repeated(object.object[it->second].second, std::move(v));
  return outcome::item;
}

parser::outcome parser::value(config_value& out, size_t depth) {
  const auto t = next();
  bool good = false;
  switch (t.kind) {
    case token_kind::eof: return outcome::end; // `key =` at the very end counts as nothing, in HCL's parser too
    case token_kind::left_brace: good = object_body(out, t.at, depth); break;
    case token_kind::left_bracket: good = list_body(out, t.at, depth); break;
    case token_kind::number:
    case token_kind::real:
    case token_kind::boolean:
    case token_kind::string:
    case token_kind::heredoc: good = literal(t, out); break;
    default: fail(t.at, "Unknown token: " + t.at.text() + " " + std::string(name_of(t.kind)) + " " + t.raw);
  }
  return good ? outcome::item : outcome::failed;
}

bool parser::object_body(config_value& out, const position& at, size_t depth) {
  if (++nodes_ > limits_.max_nodes) return fail(at, "too many values");
  if (!enter(at, depth)) return false;
  out = make(config_value::of_object(), at.line);
  if (!members(out, true, depth)) return false;
  const auto t = next();
  if (t.kind == token_kind::right_brace) return true;
  return fail(t.at, "object expected closing RBRACE got: " + std::string(name_of(t.kind)));
}

bool parser::list_body(config_value& out, const position& at, size_t depth) {
  if (++nodes_ > limits_.max_nodes) return fail(at, "too many values");
  if (!enter(at, depth)) return false;
  out = make(config_value::of_list(), at.line);
  for (bool need_comma = false;;) {
    const auto t = next();
    if (need_comma && t.kind != token_kind::comma && t.kind != token_kind::right_bracket)
      return fail(t.at, "error parsing list, expected comma or list end, got: " + std::string(name_of(t.kind)));
    config_value v;
    switch (t.kind) {
      case token_kind::right_bracket: return true;
      case token_kind::comma: need_comma = false; continue;
      case token_kind::left_brace:
        if (!object_body(v, t.at, depth + 1)) return false;
        break;
      case token_kind::left_bracket:
        if (!list_body(v, t.at, depth + 1)) return false;
        break;
      case token_kind::number:
      case token_kind::real:
      case token_kind::boolean:
      case token_kind::string:
      case token_kind::heredoc:
        if (!literal(t, v)) return false;
        break;
      default: return fail(t.at, "unexpected token while parsing list: " + std::string(name_of(t.kind)));
    }
    out.list.push_back(std::move(v));
    need_comma = true;
  }
}

bool parser::literal(const token& t, config_value& out) {
  if (++nodes_ > limits_.max_nodes) return fail(t.at, "too many values");
  switch (t.kind) {
    case token_kind::boolean: out = config_value::of_bool(t.raw == "true"); break;
    case token_kind::string:
    case token_kind::heredoc: out = config_value::of_string(t.value); break;
    case token_kind::real: {
      double d = 0;
      auto [p, ec] = std::from_chars(t.raw.data(), t.raw.data() + t.raw.size(), d);
      if (ec != std::errc{}) return fail(t.at, "cannot parse number " + t.raw);
      out = config_value::of_real(d);
      break;
    }
    default: { // Go's base 0: 0x… is hexadecimal, a leading 0 octal
      const bool negative = t.raw[0] == '-';
      std::string_view digits = std::string_view(t.raw).substr(negative ? 1 : 0);
      const int base = digits.starts_with("0x") || digits.starts_with("0X") ? 16 : digits.size() > 1 && digits[0] == '0' ? 8 : 10;
      if (base == 16) digits.remove_prefix(2);
      const auto text = (negative ? "-" : "") + std::string(digits);
      int64_t n = 0;
      auto [p, ec] = std::from_chars(text.data(), text.data() + text.size(), n, base);
      if (ec != std::errc{} || p != text.data() + text.size()) return fail(t.at, "cannot parse number " + t.raw);
      out = config_value::of_int(n);
    }
  }
  out = make(std::move(out), t.at.line);
  return true;
}

} // namespace

result<config_value> parse_hcl(std::string_view text, const std::string& file, const value_limits& limits) {
  // As HCL's own reader does: what begins like an object is JSON.
  if (const auto first = text.find_first_not_of(" \t\n\v\f\r"); first != text.npos && text[first] == '{') return parse_json_value(text, file, limits);
  if (text.size() > limits.max_bytes) return error{errc::corrupt, "file is too large"};
  if (!is_utf8(text)) return error{errc::corrupt, "illegal UTF-8 encoding"};
  return parser(text, std::make_shared<const std::string>(file), limits).document();
}

} // namespace actord
