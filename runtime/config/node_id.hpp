// The node's id where the file that has it may be damaged (loader.hpp has the rest).
#pragma once
#include "runtime/config/loader.hpp"

namespace actord {

enum class node_id_state : uint8_t { absent, blank, there };
result<node_id_state> node_id_file(const std::string& data_dir);

// As in loader.hpp, but with `replace_blank` a file that holds nothing, as a crash of the machine leaves it, counts as absent.
result<std::string> load_or_create_node_id(const std::string& data_dir, bool replace_blank, string_list& warnings);
// A blank file is replaced with a warning, but not that of a server that has a Raft log: to the others a server is its id.
result<std::string> resolve_node_id(const node_config& config, string_list& warnings);

} // namespace actord
