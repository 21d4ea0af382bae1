#include "runtime/base/pattern.hpp"
#include <re2/re2.h>

namespace actord {
namespace {

std::string in_go_words(const re2::RE2& r) {
  std::string_view text, shown = r.error_arg();
  switch (r.error_code()) {
  case re2::RE2::ErrorBadEscape: text = "invalid escape sequence"; break;
  case re2::RE2::ErrorBadCharClass: text = "invalid character class"; break;
  case re2::RE2::ErrorBadCharRange: text = "invalid character class range"; break;
  case re2::RE2::ErrorMissingBracket: text = "missing closing ]"; break;
  case re2::RE2::ErrorMissingParen: text = "missing closing )"; shown = r.pattern(); break;
  case re2::RE2::ErrorUnexpectedParen: text = "unexpected )"; shown = r.pattern(); break;
  case re2::RE2::ErrorTrailingBackslash: text = "trailing backslash at end of expression"; shown = ""; break;
  case re2::RE2::ErrorRepeatArgument: text = "missing argument to repetition operator"; break;
  case re2::RE2::ErrorRepeatSize: text = "invalid repeat count"; break;
  case re2::RE2::ErrorRepeatOp: text = "invalid nested repetition operator"; break;
  case re2::RE2::ErrorBadPerlOp: text = "invalid or unsupported Perl syntax"; break;
  case re2::RE2::ErrorBadUTF8: text = "invalid UTF-8"; break;
  case re2::RE2::ErrorBadNamedCapture: text = "invalid named capture"; break;
  case re2::RE2::ErrorPatternTooLarge: text = "expression too large"; break;
  default: text = "internal error"; break;
  }
  return "error parsing regexp: " + std::string(text) + ": `" + std::string(shown) + "`";
}

} // namespace

result<pattern> pattern::compile(std::string_view text, size_t memory, size_t longest) {
  if (text.size() > longest) return error{errc::too_large, "error parsing regexp: expression too large: `" + std::string(text.substr(0, 40)) + "…`, of " + std::to_string(text.size()) + " bytes"};
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(static_cast<int64_t>(memory));
  auto made = std::make_shared<re2::RE2>(re2::StringPiece(text.data(), text.size()), options);
  if (!made->ok()) return error{made->error_code() == re2::RE2::ErrorPatternTooLarge ? errc::too_large : errc::bad_request, in_go_words(*made)};
  pattern out;
  out.compiled_ = std::move(made);
  return out;
}

size_t pattern::weight_of(std::string_view text) {
  constexpr size_t unicode_class = 800;
  size_t out = text.size();
  for (size_t at = 0; (at = text.find('\\', at)) != text.npos; at += 2)
    if (const auto next = text.substr(at + 1, 1); next == "p" || next == "P") out += unicode_class;
  return out;
}

size_t pattern::size() const { return static_cast<size_t>(compiled_->ProgramSize()); }

bool pattern::matches(std::string_view subject) const {
  return re2::RE2::PartialMatch(re2::StringPiece(subject.data(), subject.size()), *compiled_);
}

size_t pattern::group_count() const { return static_cast<size_t>(compiled_->NumberOfCapturingGroups()); }

std::vector<std::string_view> pattern::groups(std::string_view subject) const {
  const size_t count = 1 + group_count();
  std::vector<re2::StringPiece> found(count);
  std::vector<std::string_view> out;
  if (!compiled_->Match(re2::StringPiece(subject.data(), subject.size()), 0, subject.size(), re2::RE2::UNANCHORED, found.data(), static_cast<int>(count))) return out;
  for (auto& f : found) out.emplace_back(f.data(), f.size());
  return out;
}

} // namespace actord
