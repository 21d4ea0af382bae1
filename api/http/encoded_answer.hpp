// A body in the four forms in which clients want it (compact or pretty, plain or gzip), each made at most once and
// shared by everybody who gets it.
#pragma once
#include "api/http/core/response.hpp"
#include <array>
#include <memory>
#include <string>

namespace actord::http {

// gzip of `in`: tiny bodies are stored, others deflated at the fastest level. One stream per thread is reused.
std::string gzip(std::string_view in);

class encoded_answer : public std::enable_shared_from_this<encoded_answer> {
public:
  using form = std::shared_ptr<const std::string>;
  // Takes status, kind, body, headers and meta.
  explicit encoded_answer(response&& r) : answer_(std::move(r)) {
    forms_[0] = std::make_shared<const std::string>(std::move(answer_.body));
    answer_.body = {};
  }
  const response& answer() const { return answer_; } // without its body
  form body(bool pretty, bool zipped);
  // Whether a form has yet to be made, at a cost that others in the loop would feel (a millisecond).
  bool is_costly(bool pretty, bool zipped) const;
  // That form of a compact body; in any thread. For keep(), in the thread of the others.
  static form make(const std::string& compact, bool pretty, bool zipped);
  void keep(bool pretty, bool zipped, form f) { at(pretty, zipped) = std::move(f); }
  bool is_json() const { return answer_.kind == body_kind::json; }
  static bool is_costly(size_t bytes, bool pretty, bool zipped) { return (zipped && bytes > zipped_here) || (pretty && bytes > pretty_here); }
  size_t bytes() const; // of all forms made so far

private:
  static constexpr size_t zipped_here = 32 << 10, pretty_here = 128 << 10; // what deflate does in 1.6 ms at worst
  form& at(bool pretty, bool zipped) { return forms_[(pretty && is_json() ? 2u : 0u) + (zipped ? 1u : 0u)]; }
  const form& at(bool pretty, bool zipped) const { return const_cast<encoded_answer*>(this)->at(pretty, zipped); }

  response answer_;
  std::array<form, 4> forms_;
};

} // namespace actord::http
