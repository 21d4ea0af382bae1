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

class encoded_answer {
public:
  // Takes status, kind, body, headers and meta.
  explicit encoded_answer(response&& r) : answer_(std::move(r)) {
    forms_[0] = std::make_shared<const std::string>(std::move(answer_.body));
    answer_.body = {};
  }
  const response& answer() const { return answer_; } // without its body
  std::shared_ptr<const std::string> body(bool pretty, bool zipped);
  size_t bytes() const; // of all forms made so far

private:
  response answer_;
  std::array<std::shared_ptr<const std::string>, 4> forms_;
};

} // namespace actord::http
