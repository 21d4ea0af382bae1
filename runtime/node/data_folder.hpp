// The data directory of one running agent: made when absent, locked against a second agent, temporary in dev mode.
#pragma once
#include "runtime/base/error.hpp"
#include <memory>
#include <string>

namespace actord {

class data_folder {
public:
  // `configured` empty (dev mode): a folder in memory (/dev/shm, else the temporary folder), removed at the end; those that
  // killed agents left behind are removed here.
  static result<std::unique_ptr<data_folder>> open(const std::string& configured);
  ~data_folder();
  // After somebody removed it below the running agent: it is made and locked again, empty.
  status make_again();
  const std::string& path() const { return path_; }

private:
  data_folder(std::string path, int lock, bool temporary) : path_(std::move(path)), lock_(lock), temporary_(temporary) {}
  std::string path_;
  int lock_;
  bool temporary_;
};

// Of a server, `folder` being data_dir/raft: a data directory of HashiCorp's program is no empty one. What its log and its snapshots hold would be
// missing without a word.
status refuse_foreign_log(const std::string& folder);

} // namespace actord
