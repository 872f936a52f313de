//! Short names for the parts of a transaction.

use crate::Error;
use crate::layout::Span;
use crate::proto::etcd::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::proto::etcd::request_op::Request;
use crate::proto::etcd::response_op::Response;
use crate::proto::etcd::{
    Compare, DeleteRangeRequest, KeyValue, PutRequest, RangeRequest, RequestOp, ResponseOp,
    TxnRequest, TxnResponse,
};

/// Does `success` if all of `compare` holds, otherwise `failure`, in one step.
pub(crate) fn txn(
    compare: impl Into<Vec<Compare>>,
    success: impl Into<Vec<RequestOp>>,
    failure: impl Into<Vec<RequestOp>>,
) -> TxnRequest {
    TxnRequest {
        compare: compare.into(),
        success: success.into(),
        failure: failure.into(),
    }
}

/// The key was created at this revision and has not been deleted since. 0: there is no such
/// key.
pub(crate) fn created_at(key: Vec<u8>, revision: i64) -> Compare {
    let revision = TargetUnion::CreateRevision(revision);
    compare(key, CompareResult::Equal, CompareTarget::Create, revision)
}

/// There is such a key.
pub(crate) fn exists(key: Vec<u8>) -> Compare {
    let never = TargetUnion::CreateRevision(0);
    compare(key, CompareResult::Greater, CompareTarget::Create, never)
}

/// There is none of these keys.
pub(crate) fn none_exists(span: Span) -> Compare {
    let range_end = span.end;
    Compare {
        range_end,
        ..created_at(span.first, 0)
    }
}

/// The key was last written at this revision. 0: there is no such key.
pub(crate) fn written_at(key: Vec<u8>, revision: i64) -> Compare {
    let revision = TargetUnion::ModRevision(revision);
    compare(key, CompareResult::Equal, CompareTarget::Mod, revision)
}

/// The key has this value. Like every comparison of values, it is false if there is no such
/// key.
pub(crate) fn is(key: Vec<u8>, value: Vec<u8>) -> Compare {
    let value = TargetUnion::Value(value);
    compare(key, CompareResult::Equal, CompareTarget::Value, value)
}

/// The key has a value above this one.
pub(crate) fn is_greater(key: Vec<u8>, value: Vec<u8>) -> Compare {
    let value = TargetUnion::Value(value);
    compare(key, CompareResult::Greater, CompareTarget::Value, value)
}

/// There are such keys, and none of them has this value.
pub(crate) fn none_is(span: Span, value: Vec<u8>) -> Compare {
    let range_end = span.end;
    let value = TargetUnion::Value(value);
    Compare {
        range_end,
        ..compare(
            span.first,
            CompareResult::NotEqual,
            CompareTarget::Value,
            value,
        )
    }
}

fn compare(
    key: Vec<u8>,
    result: CompareResult,
    target: CompareTarget,
    union: TargetUnion,
) -> Compare {
    Compare {
        result: result.into(),
        target: target.into(),
        key,
        target_union: Some(union),
        range_end: Vec::new(),
    }
}

pub(crate) fn put(key: Vec<u8>, value: Vec<u8>) -> RequestOp {
    op(Request::RequestPut(PutRequest {
        key,
        value,
        ..PutRequest::default()
    }))
}

/// Puts a value. The answer has the value that was there before.
pub(crate) fn replace(key: Vec<u8>, value: Vec<u8>) -> RequestOp {
    op(Request::RequestPut(PutRequest {
        key,
        value,
        prev_kv: true,
        ..PutRequest::default()
    }))
}

/// Puts a value under a lease: etcd deletes the key when the lease runs out.
pub(crate) fn put_under(key: Vec<u8>, value: Vec<u8>, lease: i64) -> RequestOp {
    op(Request::RequestPut(PutRequest {
        key,
        value,
        lease,
        ..PutRequest::default()
    }))
}

pub(crate) fn delete(key: Vec<u8>) -> RequestOp {
    let range_end = Vec::new();
    op(Request::RequestDeleteRange(DeleteRangeRequest {
        key,
        range_end,
    }))
}

pub(crate) fn get(key: Vec<u8>) -> RequestOp {
    op(Request::RequestRange(one(key)))
}

/// Reads a key without its value.
pub(crate) fn peek(key: Vec<u8>) -> RequestOp {
    op(Request::RequestRange(RangeRequest {
        keys_only: true,
        ..one(key)
    }))
}

/// Reads keys without their values.
pub(crate) fn get_keys(span: Span) -> RequestOp {
    op(Request::RequestRange(RangeRequest {
        keys_only: true,
        ..all(span)
    }))
}

pub(crate) fn get_all(span: Span) -> RequestOp {
    op(Request::RequestRange(all(span)))
}

pub(crate) fn nested(txn: TxnRequest) -> RequestOp {
    op(Request::RequestTxn(txn))
}

fn op(request: Request) -> RequestOp {
    RequestOp {
        request: Some(request),
    }
}

pub(crate) fn one(key: Vec<u8>) -> RangeRequest {
    RangeRequest {
        key,
        ..RangeRequest::default()
    }
}

pub(crate) fn all(span: Span) -> RangeRequest {
    RangeRequest {
        key: span.first,
        range_end: span.end,
        ..RangeRequest::default()
    }
}

/// The answers to a transaction's operations, one after another.
pub(crate) struct Answers(std::vec::IntoIter<ResponseOp>);

impl Answers {
    pub(crate) fn of(response: TxnResponse) -> Self {
        Self(response.responses.into_iter())
    }

    /// The keys that the next operation read.
    pub(crate) fn keys(&mut self) -> Result<Vec<KeyValue>, Error> {
        match self.next() {
            Some(Response::ResponseRange(range)) => Ok(range.kvs),
            _ => Err(unexpected("a range")),
        }
    }

    /// The one key that the next operation read, if it was there.
    pub(crate) fn key(&mut self) -> Result<Option<KeyValue>, Error> {
        Ok(self.keys()?.pop())
    }

    /// The value that the next operation replaced.
    pub(crate) fn replaced(&mut self) -> Result<Option<KeyValue>, Error> {
        match self.next() {
            Some(Response::ResponsePut(put)) => Ok(put.prev_kv),
            _ => Err(unexpected("a put")),
        }
    }

    /// The answer to the next operation, which is a nested transaction.
    pub(crate) fn nested(&mut self) -> Result<TxnResponse, Error> {
        match self.next() {
            Some(Response::ResponseTxn(txn)) => Ok(txn),
            _ => Err(unexpected("a transaction")),
        }
    }

    fn next(&mut self) -> Option<Response> {
        self.0.next().and_then(|answer| answer.response)
    }
}

fn unexpected(wanted: &str) -> Error {
    // It is unknown then whether the request was done.
    Error::NoAnswer {
        endpoint: "a member".into(),
        reason: format!("its answer is not one to {wanted}"),
    }
}

/// The cluster's revision when it answered.
pub(crate) fn revision(response: &TxnResponse) -> i64 {
    response.header.as_ref().map_or(0, |header| header.revision)
}
