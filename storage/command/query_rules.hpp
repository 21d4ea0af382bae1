// What Consul refuses of a prepared query, and how a template becomes the query that is asked for. The texts are Consul's.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/model/prepared_query.hpp"
#include <memory>

namespace actord {

inline constexpr std::string_view query_create = "create", query_update = "update", query_delete = "delete";
inline constexpr std::string_view query_template_type = "name_prefix_match";

inline bool is_template(const prepared_query& q) { return !q.pattern.type.empty(); }

// Bounds of a template, since everybody who asks for a name that it stands for has it filled in. Consul has none.
inline constexpr size_t most_template_text = 64 << 10, // bytes of all its texts
    most_template_parts = 4096,                        // of which its texts consist (interpolated_text)
    longest_template_name = 1024,                      // its own, and one that is asked for
    longest_template_regexp = 1024, most_template_steps = 1000, most_template_groups = 64, // pattern::weight_of, size, group_count
    most_rendered = 64 << 10;                          // bytes of what it is filled in to

// Before it is proposed; what needs the state is looked at when it is applied.
status check_query(const prepared_query& q);
// That its texts can be filled in, and its regular expression compiles. Part of applying: the same in every version, so without the bounds, which
// what stands in a log need not keep.
status check_template(const prepared_query& q);
// errc::too_large when it does not keep the bounds. Whatever else is wrong with it is told when it is applied.
status check_template_size(const prepared_query& q);

// A template, ready to be filled in for many names. Unchanging, cheap to copy, usable in any thread.
class compiled_template {
public:
  static result<compiled_template> compile(prepared_query q); // errc::too_large: it does not keep the bounds
  // The query that it is for `name`, which begins with its own, without regard to case; `segment`: of the agent that asks. errc::too_large: the
  // name or what would come out is longer than the bounds say.
  result<prepared_query> render(std::string_view name, std::string_view segment) const;
  size_t weight() const; // bytes of memory, about
  // Nanoseconds that compiling and rendering may take, about.
  static size_t effort_to_compile(const prepared_query& q);
  size_t effort(std::string_view name) const;

private:
  struct content;
  explicit compiled_template(std::shared_ptr<const content> c) : content_(std::move(c)) {}
  std::shared_ptr<const content> content_;
};

} // namespace actord
