// The table of methods: one row each, in the files of methods/.
#pragma once
#include "api/consul_rpc/call.hpp"
#include <span>

namespace actord::consul_rpc {

std::span<const method> state_methods(); // of api/endpoints/table.hpp
std::span<const method> question_methods(); // of api/dispatch/questions.hpp
std::span<const method> mesh_methods();
std::span<const method> absent_methods(); // of parts of Consul that are not there: answered as a server answers that has them turned off

const method* find_method(std::string_view name); // null when there is none
std::string unknown_method(std::string_view name); // Consul's text

} // namespace actord::consul_rpc
