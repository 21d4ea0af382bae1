// What can follow what was typed so far, from the table of commands. Bash asks through `complete -C consul-actord consul-actord`: it starts
// the program with COMP_LINE, as for Consul's.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace actord::cli {

// `typed` is the line up to the cursor, the program's name included. Commands, or flags once a dash was typed; sorted.
std::vector<std::string> completions(std::string_view typed);

} // namespace actord::cli
