// What Consul refuses of a prepared query, and how a template becomes the query that is asked for. The texts are Consul's.
#pragma once
#include "runtime/base/error.hpp"
#include "storage/model/prepared_query.hpp"

namespace actord {

inline constexpr std::string_view query_create = "create", query_update = "update", query_delete = "delete";
inline constexpr std::string_view query_template_type = "name_prefix_match";

inline bool is_template(const prepared_query& q) { return !q.pattern.type.empty(); }

// Before it is proposed; what needs the state is looked at when it is applied.
status check_query(const prepared_query& q);
// That its texts can be filled in, and its regular expression compiles. Part of applying: the same in every version.
status check_template(const prepared_query& q);
// The query that a template is for `name`, which begins with its own, without regard to case; `segment`: of the agent that asks.
result<prepared_query> render_template(const prepared_query& q, std::string_view name, std::string_view segment);

} // namespace actord
