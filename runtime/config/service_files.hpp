// The service blocks of configuration files, for `services register` and `services deregister`.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/config/node_config.hpp"

namespace actord {

struct file_service {
  std::string id;   // "" when the block names none
  std::string name;
  std::string json; // the body of /v1/agent/service/register
};

// Files and directories in order; errors and warnings are the loader's.
result<std::vector<file_service>> read_file_services(const string_list& paths, string_list& warnings);

} // namespace actord
