;;; Drives Emacs without a screen: the lines of the README, some files, and what Emacs has of them, again and again.
;;; Reads what to do from BURSAR_TEST (JSON); ends when the file named there as `done' exists.
(require 'json)
(setq load-prefer-newer t eglot-sync-connect 60 jsonrpc-default-request-timeout 60 create-lockfiles nil make-backup-files nil)

(defun seen-place (point)
  "The line of a point and its characters from there."
  (save-excursion
    (goto-char point)
    (list (1- (line-number-at-pos)) (- point (line-beginning-position)))))

(defun seen-lenses ()
  "The lenses of each line, by the function in the README."
  (let ((found nil))
    (save-excursion
      (goto-char (point-min))
      (while (not (eobp))
        (dolist (each (bursar-lenses))
          (push (list :line (1- (line-number-at-pos)) :title (plist-get each :title)) found))
        (forward-line 1)))
    (vconcat (nreverse found))))

(defun seen-hints ()
  (vconcat
   (mapcar (lambda (each)
             (let ((place (plist-get each :position)))
               (list :line (plist-get place :line) :character (plist-get place :character) :label (plist-get each :label))))
           (jsonrpc-request (eglot-current-server) :textDocument/inlayHint
                            (list :textDocument (eglot--TextDocumentIdentifier)
                                  :range '(:start (:line 0 :character 0) :end (:line 9999 :character 0)))))))

(defun seen-findings ()
  "What flymake shows; places are Emacs' own: characters of the line."
  (flymake-start nil t)
  (vconcat
   (mapcar (lambda (each)
             (let* ((begins (seen-place (flymake-diagnostic-beg each)))
                    (ends (seen-place (flymake-diagnostic-end each)))
                    (told (cdr (assoc 'eglot-lsp-diag (flymake-diagnostic-data each)))))
               (list :line (car begins) :point (cadr begins) :end_line (car ends) :end_point (cadr ends)
                     :severity (symbol-name (flymake-diagnostic-type each))
                     :code (plist-get told :code) :message (plist-get told :message)
                     :text (flymake-diagnostic-text each))))
           (flymake-diagnostics))))

(let* ((json-object-type 'plist)
       (todo (json-read-from-string (getenv "BURSAR_TEST")))
       (ends (+ (float-time) (plist-get todo :wait_s)))
       (write (lambda (seen)
                (let ((new (concat (plist-get todo :out) ".new")))
                  (write-region (json-encode seen) nil new nil 'quiet)
                  (rename-file new (plist-get todo :out) t)))))
  (load (plist-get todo :readme) nil t)
  ;; As the README says for calls of models.
  (setcar (car eglot-server-programs) (cons 'python-mode (caar eglot-server-programs)))
  (let ((buffers (mapcar (lambda (file) (cons file (find-file-noselect file))) (plist-get todo :files))))
    (with-current-buffer (cdar buffers) (apply #'eglot (eglot--guess-contact)))
    (dolist (each buffers)
      (with-current-buffer (cdr each)
        (eglot--maybe-activate-editing-mode)
        (flymake-mode 1)))
    (while (and (not (file-exists-p (plist-get todo :done))) (< (float-time) ends))
      (accept-process-output nil 0.2)
      ;; While a text is read anew the server may answer that what was asked about has changed: ask again.
      (condition-case failure
          (funcall write
                   (mapcar (lambda (each)
                             (with-current-buffer (cdr each)
                               (cons (car each)
                                     (list :mode (symbol-name major-mode) :lenses (seen-lenses)
                                           :hints (seen-hints) :diagnostics (seen-findings)))))
                           buffers))
        (jsonrpc-error (message "%s" (error-message-string failure)))))
    (with-current-buffer (cdar buffers) (ignore-errors (eglot-shutdown (eglot-current-server))))))
