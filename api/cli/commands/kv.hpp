// What the kv commands share.
#pragma once
#include "api/cli/commands/groups.hpp"
#include "runtime/base/json_codec.hpp"
#include "storage/model/kv_entry.hpp"

namespace actord::cli {

std::string without_leading_slash(const std::string& key);
// The entry of a key, or all with a prefix; none when absent.
result<std::vector<kv_entry>> fetch_pairs(const invocation& in, http_client& client, const std::string& key, bool recurse);
// `kv export` and `kv import`.
void add_kv_transfer_commands(command_list& to);

} // namespace actord::cli
