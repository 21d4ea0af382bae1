#include "runtime/config/address_template/lexer.hpp"
#include "runtime/base/quote.hpp"
#include "runtime/base/utf8.hpp"
#include <fmt/format.h>

namespace actord::address_template {
namespace {

using kind = token::kind;

bool is_space(char c) { return c == ' ' || c == '\t'; }
bool is_line_end(char c) { return c == '\r' || c == '\n'; }
bool is_blank(char c) { return is_space(c) || is_line_end(c); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class lexer {
public:
  explicit lexer(std::string_view text) : text_(text) {}

  std::vector<token> run() {
    while (outside()) {}
    return std::move(out_);
  }

private:
  bool more() const { return at_ < text_.size(); }
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool sees(std::string_view word) const { return text_.substr(at_).starts_with(word); }

  void emit(kind what, size_t from) { out_.push_back({what, from, std::string(text_.substr(from, at_ - from))}); }
  bool fail(std::string why) {
    out_.push_back({kind::error, at_, std::move(why)});
    return false;
  }

  // Letters beyond ASCII count: Go asks unicode.IsLetter, of which the blocks of letters are enough here.
  size_t letter() const {
    const char c = peek();
    if (!more()) return 0;
    if (c == '_' || is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')) return 1;
    const auto n = utf8_length(text_, at_);
    if (n == 2 && (text_.substr(at_, 2) == "\u00d7" || text_.substr(at_, 2) == "\u00f7" || static_cast<unsigned char>(c) < 0xc3)) return 0;
    return n <= 3 ? n : 0;
  }

  // "U+00F7 '÷'"
  std::string shown_character() const {
    const auto n = std::max<size_t>(1, utf8_length(text_, at_));
    const auto quoted = quote_ascii(text_.substr(at_, n));
    unsigned code = static_cast<unsigned char>(peek());
    if (n > 1) code = static_cast<unsigned>(std::stoul(quoted.substr(3, quoted.size() - 4), nullptr, 16));
    return fmt::format("U+{:04X} '{}'", code, text_.substr(at_, n));
  }

  bool at_terminator() const {
    if (!more()) return true;
    const char c = peek();
    return is_blank(c) || c == '.' || c == ',' || c == '|' || c == ':' || c == ')' || c == '(' || c == '}';
  }

  // Text up to the next action; false at the end.
  bool outside() {
    const auto open = text_.find("{{", at_);
    const size_t from = at_;
    at_ = open == text_.npos ? text_.size() : open;
    auto piece = text_.substr(from, at_ - from);
    const bool trims = open != text_.npos && text_.substr(open + 2).starts_with('-') && open + 3 < text_.size() && is_blank(text_[open + 3]);
    if (trims)
      while (!piece.empty() && is_blank(piece.back())) piece.remove_suffix(1);
    if (trim_next_)
      while (!piece.empty() && is_blank(piece.front())) piece.remove_prefix(1);
    trim_next_ = false;
    if (!piece.empty()) out_.push_back({kind::text, from, std::string(piece)});
    if (open == text_.npos) {
      emit(kind::end, at_);
      return false;
    }
    at_ = open + 2 + (trims ? 2 : 0);
    if (sees("/*")) return comment();
    emit(kind::left, open);
    while (!closing())
      if (!inside()) return false;
    return close();
  }

  bool comment() {
    const auto end = text_.find("*/", at_);
    if (end == text_.npos) return fail("unclosed comment");
    at_ = end + 2;
    if (!closing()) return fail("comment ends before closing delimiter");
    at_ += trim_next_ ? 4 : 2;
    return true;
  }

  // At "}}" or " -}}"?
  bool closing() {
    trim_next_ = more() && is_blank(peek()) && text_.substr(at_ + 1).starts_with("-}}");
    return trim_next_ || sees("}}");
  }

  bool close() {
    if (parens_ > 0) return fail("unclosed left paren");
    const size_t from = at_;
    at_ += trim_next_ ? 4 : 2;
    out_.push_back({kind::right, from, "}}"});
    return true;
  }

  bool inside() {
    const size_t from = at_;
    if (!more() || is_line_end(peek())) return fail("unclosed action");
    const char c = peek();
    if (is_space(c)) {
      // The blank before a trimming end belongs to that.
      do ++at_;
      while (more() && is_space(peek()) && !text_.substr(at_ + 1).starts_with("-}}"));
      return emit(kind::space, from), true;
    }
    if (c == '.' && !is_digit(peek(1))) return word(kind::field, from, kind::dot);
    if (c == '$') return word(kind::variable, from, kind::variable);
    if (c == '+' || c == '-' || c == '.' || is_digit(c)) return number(from);
    if (c == '"' || c == '\'') return quoted(from, c);
    if (c == '`') return raw(from);
    if (letter() > 0) return identifier(from);
    return sign(from);
  }

  bool sign(size_t from) {
    const char c = peek();
    if (c == ':') {
      if (peek(1) != '=') return fail("expected :=");
      at_ += 2;
      return emit(kind::declare, from), true;
    }
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) return fail("unrecognized character in action: " + shown_character());
    ++at_;
    if (c == '|') emit(kind::pipe, from);
    else if (c == '=') emit(kind::assign, from);
    else if (c == '(') {
      emit(kind::left_paren, from);
      ++parens_;
    } else if (c == ')') {
      emit(kind::right_paren, from);
      if (--parens_ < 0) return fail("unexpected right paren U+0029 ')'");
    } else emit(kind::other, from);
    return true;
  }

  // After "." or "$": a name, or none.
  bool word(kind what, size_t from, kind alone) {
    ++at_;
    const size_t begin = at_;
    while (auto n = letter()) at_ += n;
    if (!at_terminator()) return fail("bad character " + shown_character());
    emit(at_ == begin ? alone : what, from);
    return true;
  }

  bool identifier(size_t from) {
    while (auto n = letter()) at_ += n;
    if (!at_terminator()) return fail("bad character " + shown_character());
    const auto name = text_.substr(from, at_ - from);
    if (name == "true" || name == "false") emit(kind::boolean, from);
    else if (name == "nil") emit(kind::nil, from);
    else if (name == "else") emit(kind::word_else, from);
    else if (name == "end") emit(kind::word_end, from);
    else if (name == "if") emit(kind::word_if, from);
    else if (name == "range") emit(kind::word_range, from);
    else if (name == "with") emit(kind::word_with, from);
    else emit(kind::identifier, from);
    return true;
  }

  bool number(size_t from) {
    if (peek() == '+' || peek() == '-') ++at_;
    std::string_view digits = "0123456789_";
    if (peek() == '0') {
      ++at_;
      const char base = static_cast<char>(peek() | 0x20);
      if (base == 'x' || base == 'o' || base == 'b') ++at_;
      if (base == 'x') digits = "0123456789abcdefABCDEF_";
      if (base == 'o') digits = "01234567_";
      if (base == 'b') digits = "01_";
    }
    const auto run = [&](std::string_view of) {
      while (more() && of.find(peek()) != of.npos) ++at_;
    };
    run(digits);
    if (peek() == '.') {
      ++at_;
      run(digits);
    }
    const bool hex = digits.size() > 12;
    if (hex ? (peek() | 0x20) == 'p' : (peek() | 0x20) == 'e' && digits.size() == 11) {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      run("0123456789_");
    }
    if (letter() > 0) {
      at_ += letter();
      return fail("bad number syntax: " + quote(text_.substr(from, at_ - from)));
    }
    return emit(kind::number, from), true;
  }

  bool quoted(size_t from, char mark) {
    for (++at_; more() && peek() != '\n'; ++at_) {
      if (peek() == mark) {
        ++at_;
        return emit(mark == '"' ? kind::string : kind::character, from), true;
      }
      if (peek() == '\\' && at_ + 1 < text_.size() && peek(1) != '\n') ++at_;
    }
    return fail(mark == '"' ? "unterminated quoted string" : "unterminated character constant");
  }

  bool raw(size_t from) {
    const auto end = text_.find('`', at_ + 1);
    if (end == text_.npos) return fail("unterminated raw quoted string");
    at_ = end + 1;
    return emit(kind::raw_string, from), true;
  }

  std::string_view text_;
  size_t at_ = 0;
  int parens_ = 0;
  bool trim_next_ = false;
  std::vector<token> out_;
};

} // namespace

std::vector<token> split(std::string_view text) { return lexer(text).run(); }

std::string token::shown() const {
  if (what == kind::end) return "EOF";
  if (what == kind::error) return text;
  if (what >= kind::dot) return "<" + text + ">";
  if (text.size() > 10) return quote(text.substr(0, 10)) + "...";
  return quote(text);
}

} // namespace actord::address_template
