// `?filter=` on the lists of the HTTP API: Consul's filter language (go-bexpr) over any record that has fields().
//
//   auto f = filter::compile<check_service_node>(expression); // error: errc::internal with Consul's text (HTTP 500)
//   if (f->matches<check_service_node>(instance)) …
//
// An empty expression matches everything. A compiled filter is immutable, cheap to copy, and may be used by several
// threads. Memory and time are bounded: the expression's length and nesting (filter_syntax.hpp), and regular expressions
// are matched by RE2 in linear time with at most 128 KiB.
#pragma once
#include "api/http/core/filter_shape.hpp"
#include "runtime/base/error.hpp"
#include <memory>
#include <string_view>

namespace actord {

class filter {
public:
  template <class Record> static result<filter> compile(std::string_view expression) {
    return compile_for(shape_of<Record>(), expression);
  }
  // The record must be of the type that the filter was compiled for.
  template <class Record> bool matches(const Record& r) const { return matches_erased(&r); }
  bool matches_all() const { return root_ == nullptr; }

  struct compiled;

private:
  static result<filter> compile_for(const shape& s, std::string_view expression);
  bool matches_erased(const void* record) const;
  std::shared_ptr<const compiled> root_; // null: matches everything
};

} // namespace actord
