#include "tests/server/runs/sqlite/sqlite_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "absl/strings/str_cat.h"

namespace lossd::runs {

SqliteFile::SqliteFile() : folder_(absl::StrCat(testing::TempDir(), "/runs_XXXXXX")) {
  EXPECT_NE(mkdtemp(folder_.data()), nullptr);
  path_ = absl::StrCat(folder_, "/runs.db");
}

SqliteFile::~SqliteFile() { std::filesystem::remove_all(folder_); }

}  // namespace lossd::runs
