#include "replica/remote_log.h"

#include <map>

#include <gtest/gtest.h>

#include "record/log_batch.h"
#include "testing/faulty_file_system.h"
#include "testing/matchers.h"

namespace strom::replica {
namespace {

using log::LogTablet;
using testing::FaultyFileSystem;
using testing::IsError;
using testing::IsOk;

constexpr Millis kNow = 1'700'000'000'000;
constexpr const char* kRemote = "/remote/log/d/t-1/0";

/// Keeps the handle that was committed last; an answer can be lost.
class FakeCoordinator final : public CoordinatorLink {
 public:
  Result<int64_t> TakeColumnIds(model::TableId, int32_t, int64_t) override { return 0; }
  Result<int64_t> NextSnapshotId(const model::TableBucket&) override { return 0; }
  Result<Committed> CommitSnapshot(const model::TableBucket&,
                                   const model::KvSnapshotHandle&) override {
    return Committed();
  }
  Result<std::vector<model::KvSnapshotHandle>> SnapshotsOf(const model::TableBucket&) override {
    return std::vector<model::KvSnapshotHandle>();
  }
  Result<std::optional<model::RemoteLogHandle>> RemoteLogOf(const model::TableBucket&) override {
    return handle;
  }
  Status CommitRemoteLog(const model::TableBucket&, const model::RemoteLogHandle& next) override {
    if (refuse) return Err(*refuse, "refused");
    handle = next;
    if (lose_answer) return Err(ErrorCode::kRequestTimeOut, "no answer");
    return {};
  }

  std::optional<model::RemoteLogHandle> handle;
  std::optional<ErrorCode> refuse;
  bool lose_answer = false;
};

class RemoteLogTest : public ::testing::Test {
 protected:
  RemoteLogTest() { Open(/*flushed=*/0); }

  void Open(int64_t flushed) {
    LogTablet::Options options;
    options.bucket = bucket_;
    options.dir = "/data/t-1/log-0";
    options.segment_bytes = 1000;
    options.index_interval_bytes = 200;
    options.flushed_offset = flushed;
    auto log = LogTablet::Open(files_, options);
    ASSERT_THAT(log, IsOk());
    log_ = std::move(*log);
  }

  static RemoteLog Nothing() {
    auto none = std::make_shared<model::RemoteLogManifest>();
    none->path = {"d", "t"};
    none->bucket = {1, model::kNoPartition, 0};
    return none;
  }

  /// Batches of two rows each, a second apart, on the disk.
  void Append(int batches) {
    for (int i = 0; i < batches; ++i) {
      record::BatchHeader header;
      header.record_count = 2;
      header.writer_id = 5;
      header.sequence = sequence_;
      const Bytes batch = record::BuildLogBatch(header, Bytes(60, 'x'));
      ASSERT_THAT(log_->Append(batch, kNow + sequence_ * 1000), IsOk());
      ++sequence_;
    }
    const auto flush = log_->MakeFlush();
    ASSERT_THAT(flush, IsOk());
    ASSERT_THAT(flush->Run(), IsOk());
    log_->Flushed(*flush);
  }

  std::optional<RemoteLogJob> Plan(const Expiry& expiry = {}, size_t most = 100) {
    auto job = RemoteLogJob::Plan(*log_, remote_, expiry, most);
    if (!job) return job;
    job->remote_dir = kRemote;
    job->link = &link_;
    job->files = &files_;
    return job;
  }
  void Copy(const Expiry& expiry = {}) {
    const auto job = Plan(expiry);
    ASSERT_TRUE(job);
    const auto done = job->Run();
    ASSERT_THAT(done, IsOk());
    remote_ = *done;
  }

  /// The offsets of all rows of the remote log, in order.
  std::vector<int64_t> RemoteRows(const model::RemoteLogManifest& manifest) {
    std::vector<int64_t> rows;
    if (manifest.empty()) return rows;
    EXPECT_THAT(VisitRemoteLog(files_, kRemote, manifest, manifest.start_offset(),
                               [&](const record::LogBatchView& batch) -> Status {
                                 for (int64_t at = batch.base_offset(); at < batch.next_offset();)
                                   rows.push_back(at++);
                                 return batch.Check();
                               }),
                IsOk());
    return rows;
  }
  void ExpectRows(const model::RemoteLogManifest& manifest, int64_t begin, int64_t end) {
    std::vector<int64_t> expected;
    for (int64_t i = begin; i < end; ++i) expected.push_back(i);
    EXPECT_EQ(RemoteRows(manifest), expected);
  }
  size_t FoldersLeft() {
    const auto listed = files_.List(kRemote);
    return listed ? listed->size() : 0;
  }

  const model::TableBucket bucket_{1, model::kNoPartition, 0};
  FaultyFileSystem files_;
  FakeCoordinator link_;
  std::unique_ptr<LogTablet> log_;
  RemoteLog remote_ = Nothing();
  int32_t sequence_ = 0;
};

TEST_F(RemoteLogTest, ClosedSegmentsAreCopiedInStepsAndMayThenGoHere) {
  EXPECT_FALSE(Plan()) << "nothing is closed";
  Append(100);
  const auto first = Plan({}, 2);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->copies.size(), 2U);
  auto done = first->Run();
  ASSERT_THAT(done, IsOk());
  remote_ = *done;
  EXPECT_EQ(remote_->segments.size(), 2U);
  Copy();
  EXPECT_EQ(remote_->segments.size(), log_->segment_count() - 1);
  EXPECT_FALSE(Plan()) << "all is copied";
  const int64_t end = remote_->end_offset();
  ExpectRows(*remote_, 0, end);
  EXPECT_GT(*log_->DeleteCopied(2, end), 0);
  EXPECT_EQ(log_->segment_count(), 2U);
  EXPECT_LT(log_->start_offset(), end) << "one of the two is remote as well";
  EXPECT_EQ(link_.handle->end_offset, end);
  const auto loaded = LoadRemoteLog(bucket_, link_, files_);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(**loaded, *remote_);
  EXPECT_EQ(files_.List(std::string(kRemote) + "/metadata")->size(), 1U);
}

TEST_F(RemoteLogTest, RowsThatAreNotOnTheDiskAreNotCopied) {
  Append(20);
  const auto before = log_->ClosedSegments(0);
  for (int i = 0; i < 60; ++i)
    ASSERT_THAT(log_->Append(record::BuildLogBatch({.record_count = 1}, Bytes(60, 'x')), kNow),
                IsOk());
  const auto after = log_->ClosedSegments(0);
  ASSERT_EQ(after.size(), before.size());
  for (const auto& segment : after) EXPECT_LE(segment.end_offset, log_->flushed_offset());
}

TEST_F(RemoteLogTest, ExpiredSegmentsGoFromTheFrontAndAreNotCopiedToBeginWith) {
  Append(100);
  Copy();
  const int64_t end = remote_->end_offset();
  const size_t before = remote_->segments.size();
  Copy({kNow + 50'000, 60});
  EXPECT_LT(remote_->segments.size(), before);
  EXPECT_GT(remote_->start_offset(), 0);
  EXPECT_LE(remote_->start_offset(), 60) << "nothing above the limit";
  ExpectRows(*remote_, remote_->start_offset(), end);
  EXPECT_EQ(FoldersLeft(), remote_->segments.size() + 1);
  Append(100);
  Copy({kNow + 1'000'000, 1'000'000});
  EXPECT_TRUE(remote_->empty()) << "what is closed and expired is not worth a copy";
  EXPECT_EQ(FoldersLeft(), 1U);
  EXPECT_FALSE(Plan({kNow + 1'000'000, 1'000'000}));
}

TEST_F(RemoteLogTest, AGapIsNeverMade) {
  Append(50);
  Copy();
  Append(50);
  ASSERT_GT(*log_->DeleteExpired(INT64_MAX, 150, false), 0);
  ASSERT_GT(log_->start_offset(), remote_->end_offset());
  EXPECT_FALSE(Plan());
}

// Whatever write fails, the remote log that counts is whole, and a later job makes it complete and
// leaves nothing else behind.
TEST_F(RemoteLogTest, SurvivesTheFailureOfEachWrite) {
  Append(30);
  Copy();
  Append(60);
  for (int nth = 0;; ++nth) {
    const auto job = Plan();
    ASSERT_TRUE(job);
    files_.FailFrom(nth);
    const auto done = job->Run();
    const bool fired = files_.fired();
    files_.FailFrom(-1);
    const auto counts = LoadRemoteLog(bucket_, link_, files_);
    ASSERT_THAT(counts, IsOk());
    ExpectRows(**counts, 0, (*counts)->end_offset());
    if (!done) {
      EXPECT_EQ(**counts, *remote_) << nth;
      continue;
    }
    remote_ = *done;
    EXPECT_EQ(**counts, *remote_);
    if (!fired) break;
    Append(30);
  }
  Append(60);
  auto job = Plan();
  ASSERT_TRUE(job);
  job->sweep = true;
  const auto done = job->Run();
  ASSERT_THAT(done, IsOk());
  EXPECT_EQ(FoldersLeft(), (*done)->segments.size() + 1);
}

TEST_F(RemoteLogTest, ALostAnswerIsAskedForAgain) {
  Append(50);
  link_.lose_answer = true;
  Copy();
  ExpectRows(*remote_, 0, remote_->end_offset());
}

TEST_F(RemoteLogTest, ARefusedCommitLeavesNoTrace) {
  Append(50);
  Copy();
  const size_t before = FoldersLeft();
  Append(50);
  link_.refuse = ErrorCode::kStorage;
  EXPECT_THAT(Plan()->Run(), IsError(ErrorCode::kStorage));
  EXPECT_EQ(FoldersLeft(), before);
  ExpectRows(*remote_, 0, remote_->end_offset());
  link_.refuse = ErrorCode::kUnknownTableOrBucket;
  EXPECT_THAT(Plan()->Run(), IsError(ErrorCode::kUnknownTableOrBucket));
  EXPECT_EQ(FoldersLeft(), 0U) << "a dropped bucket's remote log goes";
}

TEST_F(RemoteLogTest, ALogThatLostItsEndFollowsTheRemoteOne) {
  Append(100);
  Copy();
  const int64_t end = remote_->end_offset();
  ASSERT_THAT(files_.RemoveTree("/data/t-1/log-0"), IsOk());
  Open(0);
  ASSERT_THAT(FollowRemoteLog(*log_, *remote_, kRemote, files_), IsOk());
  EXPECT_EQ(log_->start_offset(), end);
  EXPECT_EQ(log_->end_offset(), end);
  Open(end);
  EXPECT_EQ(log_->end_offset(), end) << "also after the next start";
  sequence_ = static_cast<int32_t>(end / 2);
  Append(1);
  EXPECT_EQ(log_->end_offset(), end + 2) << "the writer goes on with its next number";
  ASSERT_THAT(FollowRemoteLog(*log_, *remote_, kRemote, files_), IsOk());
  EXPECT_EQ(log_->end_offset(), end + 2) << "a log that is ahead stays as it is";
}

TEST_F(RemoteLogTest, TimesAreFoundInRemoteSegments) {
  Append(100);
  Copy();
  for (const model::RemoteLogSegment& segment : remote_->segments) {
    for (int64_t offset = segment.start_offset; offset < segment.end_offset; offset += 2) {
      const auto found = RemoteOffsetAt(files_, kRemote, segment, kNow + offset / 2 * 1000 - 500);
      ASSERT_THAT(found, IsOk());
      EXPECT_EQ(*found, offset);
    }
  }
  model::RemoteLogSegment gone = remote_->segments.front();
  gone.id = "gone";
  EXPECT_THAT(RemoteOffsetAt(files_, kRemote, gone, kNow), IsError(ErrorCode::kNotFound));
}

}  // namespace
}  // namespace strom::replica
