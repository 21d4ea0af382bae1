// A regular expression in RE2's syntax, which is that of Go's regexp: matched in linear time with bounded memory, so
// that patterns may come from strangers. Errors are worded as Go's.
#pragma once
#include "runtime/base/error.hpp"
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace actord {

class pattern {
public:
  // "error parsing regexp: missing closing ]: `[a`"; errc::too_large: it has more bytes than `longest` (parsing takes 5 KB and more for three of
  // them), or would compile to more than `memory`: some milliseconds, usually.
  static constexpr size_t usual_memory = 128 << 10, usual_length = 1024;
  static result<pattern> compile(std::string_view text, size_t memory = usual_memory, size_t longest = usual_length);
  // Anywhere in the subject, as Go's MatchString.
  bool matches(std::string_view subject) const;
  // What the whole and each group in parentheses matched, "" for one that took no part; nothing when the subject does not match. Views of the
  // subject. The time that takes is a multiple of groups, steps and the subject's length.
  std::vector<std::string_view> groups(std::string_view subject) const;
  size_t group_count() const;
  // How long a text is, where one that names a class of Unicode (`\pL`, hundreds of ranges) counts with what that stands for: compiling takes
  // up to a microsecond and a half for each such byte.
  static size_t weight_of(std::string_view text);
  // Steps of what it was compiled to, of which the time that took is a multiple.
  size_t size() const;

private:
  std::shared_ptr<const re2::RE2> compiled_;
};

} // namespace actord
